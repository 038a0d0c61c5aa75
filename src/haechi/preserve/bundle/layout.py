"""The archive's own bytes: everything in a bundle's ZIP that is not content is exactly what our writer makes.

Method: each local header, the central directory and the end record are made again from names, checksums and sizes, and
compared with the bytes that are there; nothing may lie before, between or after them. So no byte of a bundle can change
without a word, not even one that no reader looks at.
Source: PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16. Limits: bundles from 2 GiB on are not compared in this
way (their directory has further forms); their content is checked all the same.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Final

from haechi.core.ledger import Fault

DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The same for all: when is in the report, and the same case gives the same archive layout."""
MOST_BYTES: Final = zipfile.ZIP64_LIMIT
_DOS_DATE: Final = 1 << 5 | 1
_CENTRAL: Final = struct.Struct("<4s4B4HL2L5H2L")
_END: Final = struct.Struct("<4s4H2LH")


def entry(name: str) -> zipfile.ZipInfo:
    """The entry of a file as every bundle has it."""
    info = zipfile.ZipInfo(name, DATE)
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def is_streamed(name: str) -> bool:
    """Whether a file is written in pieces, which gives its header the longer form."""
    return "/parts/" in name


def layout_fault(path: Path, infos: list[zipfile.ZipInfo]) -> Fault | None:
    """What is not as our writer makes it, or None."""
    if path.stat().st_size >= MOST_BYTES:
        return None
    with path.open("rb") as file:
        at, directory = 0, b""
        for info in infos:
            made = entry(info.filename)
            made.CRC, made.file_size, made.compress_size = info.CRC, info.file_size, info.file_size
            made.header_offset = at
            header = made.FileHeader(zip64=is_streamed(info.filename))
            file.seek(at)
            if info.header_offset != at or file.read(len(header)) != header:
                return Fault(info.filename, "its header in the archive was changed")
            directory += _central(made)
            at += len(header) + info.file_size
        file.seek(at)
        end = _END.pack(b"PK\5\6", 0, 0, len(infos), len(infos), len(directory), at, 0)
        if file.read() != directory + end:
            return Fault("the directory of the archive", "was changed")
    return None


def _central(info: zipfile.ZipInfo) -> bytes:
    name = info.filename.encode("ascii", "replace")
    fixed = (info.create_version, info.create_system, info.extract_version, 0, 0, zipfile.ZIP_STORED, 0, _DOS_DATE)
    sizes = (info.CRC, info.file_size, info.file_size, len(name), 0, 0, 0, 0)
    return _CENTRAL.pack(b"PK\1\2", *fixed, *sizes, info.external_attr, info.header_offset) + name
