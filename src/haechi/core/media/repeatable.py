"""What x264 must be told so that the same pictures give the same bytes, every time and on every machine.

Its AVX-512 code of macroblock trees reads memory that nobody has written, so that it is left out where it is there.
"""

from __future__ import annotations

import cv2

# cv::CpuFeatures, core/cvdef.h.
CPU_AVX512_SKX = 256
# Every processor with AVX-512 has these.
WITHOUT_AVX512 = "asm=avx2,lzcnt,bmi2,fma3"


def repeatable() -> dict[str, str]:
    """Options of `libx264`."""
    return {"x264-params": WITHOUT_AVX512} if cv2.checkHardwareSupport(CPU_AVX512_SKX) else {}
