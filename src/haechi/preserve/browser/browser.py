"""Which browser shows pages, and how it is started: Chromium, cut off from every network, with nothing kept.

Invariants:
* The browser itself reaches no machine. Every name and address maps to none, and the proxy that it is told to use does
  not exist; what it asks for is fetched by the guarded client or not at all (`haechi.preserve.browser.traffic`).
  Whatever escapes being asked for there, sockets and peer connections included, fails.
* Profile, caches, temporary files and crash reports lie in the private folder of the capture and go with it.
* No download of a browser, ever: it is on the machine, or pages are captured by plain HTTP.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_NOWHERE: Final = "http://nowhere.invalid:9"
_ARGUMENTS: Final = (
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-bypass-list=<-loopback>",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--disable-gpu",
    "--disable-crash-reporter",
    "--disk-cache-size=1",
    "--mute-audio",
    "--renderer-process-limit=2",
)


@dataclass(frozen=True, slots=True)
class BrowserLimits:
    """What showing one page may cost.

    Attributes:
        page_seconds: until what has come must do.
        step_seconds: for one screenshot or snapshot.
        most_memory: of all processes of the browser together, bytes.
        most_requests: that are answered.
        most_inline: largest body that is handed to the browser, bytes; larger ones are in the archive alone.
        most_height: of the screenshot, pixels.
        most_part: largest snapshot that is kept, bytes.
    """

    page_seconds: float = 60.0
    step_seconds: float = 20.0
    most_memory: int = 3 << 30
    most_requests: int = 600
    most_inline: int = 32 << 20
    most_height: int = 16_000
    most_part: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that is on this machine."""

    executable: Path
    width: int = 1280
    height: int = 900
    limits: BrowserLimits = BrowserLimits()

    @property
    def sandboxed(self) -> bool:
        """False for root, for whom Chromium has no sandbox; the exhibit says so."""
        return os.geteuid() != 0

    def options(self, home: Path, js_megabytes: int = 1024) -> dict[str, Any]:
        """How Playwright starts it.

        Args:
            home: folder for everything that it writes.
            js_megabytes: heap of one page's scripts.
        """
        return {
            "user_data_dir": str(home / "profile"),
            "executable_path": str(self.executable),
            "chromium_sandbox": self.sandboxed,
            "args": [*_ARGUMENTS, f"--js-flags=--max-old-space-size={js_megabytes}"],
            "proxy": {"server": _NOWHERE},
            "viewport": {"width": self.width, "height": self.height},
            "service_workers": "block",
            "accept_downloads": False,
            "env": _environment(os.environ, home),
        }


def find_browser(named: Path | None) -> Browser | None:
    """The browser of this machine, or None when it or the extra `haechi[capture]` is not there.

    Args:
        named: the executable that the user named, or None to look for one.
    """
    if find_spec("playwright") is None:
        return None
    found = str(named) if named is not None else next(filter(None, map(shutil.which, NAMES)), None)
    return Browser(Path(found)) if found else None


def _environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Nothing of the user's: no home, no keys in variables, no display."""
    kept = {name: environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in environ}
    folders = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
    return kept | {name: str(home) for name in folders}
