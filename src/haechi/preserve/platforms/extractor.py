"""The process in which yt-dlp reads a page that was captured: no network, no program, no writing; run by `look`.

It asks for addresses on its standard output, one JSON object a line: `{"method": ..., "url": ...}`, and is answered on
its standard input: `{"status": ..., "url": ..., "headers": [...], "body": PATH}` or `{"error": ...}`. Its last line is
`{"info": {...}}` or `{"error": ...}`.
Invariants: the filter on system calls is in force before anything of a stranger is read, or nothing is read. yt-dlp
knows no request handler but the one here, no plugins, no configuration, no cookies, no engine for scripts; it downloads
nothing.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import sys
import zlib
from typing import IO, Any, Final

from haechi.core.media.seccomp import refuse_network_and_writes

CPU_S: Final = 60
MEMORY_BYTES: Final = 1 << 30
MOST_UNPACKED: Final = 32 << 20
MOST_INFO: Final = 4 << 20
_PACKED: Final = ("gzip", "x-gzip", "deflate")
_OPTIONS: Final[dict[str, Any]] = {
    "quiet": True,
    "no_warnings": True,
    "noprogress": True,
    "skip_download": True,
    "simulate": True,
    "noplaylist": True,
    "playlist_items": "1",
    "extract_flat": False,
    "cachedir": False,
    "check_formats": False,
    "ignore_no_formats_error": True,
    "allow_unplayable_formats": False,
    "geo_bypass": False,
    "getcomments": False,
    "js_runtimes": {},
    "remote_components": set(),
    "retries": 0,
    "extractor_retries": 0,
    "enable_file_urls": False,
    "fixup": "never",
}


class Line:
    """Asks the parent for addresses."""

    def __init__(self, asks: IO[str], hears: IO[str]) -> None:
        self._asks, self._hears = asks, hears

    def tell(self, told: dict[str, Any]) -> None:
        """Write one object."""
        self._asks.write(json.dumps(told) + "\n")
        self._asks.flush()

    def ask(self, method: str, url: str) -> dict[str, Any]:
        """The parent's answer to one request."""
        self.tell({"method": method, "url": url})
        answer = json.loads(self._hears.readline() or '{"error": "the capture has ended"}')
        return dict(answer)


def main() -> None:
    """Read the page whose address is the first argument."""
    asks, hears = os.fdopen(os.dup(1), "w"), sys.stdin
    os.dup2(2, 1)  # whatever prints, prints to the error stream
    line = Line(asks, hears)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        reader = _reader(line)
        if not refuse_network_and_writes():
            line.tell({"error": "this machine cannot cut yt-dlp off from the network (Linux on x86-64 or AArch64 can)"})
            return
        info = reader.extract_info(sys.argv[1], download=False)
        text = json.dumps({"info": reader.sanitize_info(info, remove_private_keys=True)})
        line.tell(
            json.loads(text) if len(text) <= MOST_INFO else {"error": f"told {len(text)} bytes, more than is kept"}
        )
    except Exception as error:  # noqa: BLE001 - another's code at work on a stranger's page
        line.tell({"error": f"{type(error).__name__}: {error}"[:500]})
    os._exit(0)


def _reader(line: Line) -> Any:
    from yt_dlp import YoutubeDL
    from yt_dlp.networking.common import Request, RequestDirector, RequestHandler, Response
    from yt_dlp.networking.exceptions import HTTPError, RequestError, UnsupportedRequest

    class HandedRH(RequestHandler):  # type: ignore[misc]
        """Hands every request to the parent; headers, cookies and proxies that yt-dlp would send stay here."""

        _SUPPORTED_URL_SCHEMES = ("http", "https")

        def _validate(self, request: Request) -> None:
            self._check_url_scheme(request)
            if request.method not in ("GET", "HEAD"):
                raise UnsupportedRequest(f"{request.method} is not passed on")

        def _send(self, request: Request) -> Response:
            answer = line.ask(request.method, request.url)
            if "error" in answer:
                raise RequestError(str(answer["error"]))
            headers = {name: value for name, value in answer["headers"] if name.lower() not in ("content-encoding",)}
            data = b"" if request.method == "HEAD" else unpacked(answer)
            response = Response(io.BytesIO(data), answer["url"], headers, answer["status"])
            if answer["status"] >= 400:
                raise HTTPError(response)
            return response

    class Reader(YoutubeDL):  # type: ignore[misc]
        """yt-dlp with one way out."""

        def build_request_director(self, *_: Any) -> RequestDirector:
            from yt_dlp.utils.networking import HTTPHeaderDict

            director = RequestDirector(logger=_Silent())
            director.add_handler(HandedRH(logger=_Silent(), headers=HTTPHeaderDict(), cookiejar=self.cookiejar))
            return director

    reader = Reader({**_OPTIONS, "logger": _Silent()}, auto_init=True)
    reader.add_default_extra_info({}, None, "")
    return reader


def unpacked(answer: dict[str, Any]) -> bytes:
    """The body of an answer, decompressed no further than `MOST_UNPACKED`."""
    with open(answer["body"], "rb") as file:  # noqa: PTH123 - nothing else of pathlib is needed here
        data = file.read(MOST_UNPACKED)
    coding = next((value for name, value in answer["headers"] if name.lower() == "content-encoding"), "")
    if coding.strip().lower() in _PACKED:
        try:
            return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, MOST_UNPACKED)
        except (zlib.error, gzip.BadGzipFile):
            return data
    return data


class _Silent:
    """A logger that says nothing."""

    def debug(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    info = warning = error = stdout = stderr = debug


if __name__ == "__main__":
    main()
