"""A web server on the loopback interface for tests of fetching: each path answers in its own way."""

from __future__ import annotations

import gzip
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from haechi.core.fetch import Guard

PAGE = """<html><head><title>가짜 영상</title><meta property="og:title" content="Fake">
<meta property="og:video" content="/v.mp4"><link rel="canonical" href="https://example.org/v/1">
<script type="application/ld+json">{"@type": "VideoObject", "uploadDate": "2026-11-20"}</script></head>
<body>text</body></html>""".encode()


def poster() -> bytes:
    """A neutral picture, larger than an icon."""
    grey = zlib.compress(b"".join(b"\0" + bytes((x * y) % 251 for x in range(128)) for y in range(128)), 0)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 128, 128, 8, 0, 0, 0, 0)), (b"IDAT", grey), (b"IEND", b""))
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


class Site(BaseHTTPRequestHandler):
    """What each path answers; `seen` collects what was asked."""

    robots: bytes | int = b""
    seen: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        type(self).seen.append((self.path, dict(self.headers)))
        name = self.path.split("?")[0].strip("/").replace(".", "_") or "page"
        getattr(self, f"answer_{name}", self.answer_gone)()

    def send(self, body: bytes, status: int = 200, kind: str = "text/html; charset=utf-8", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_robots_txt(self) -> None:
        if isinstance(self.robots, int):
            self.send(b"", self.robots)
        else:
            self.send(self.robots, kind="text/plain")

    def answer_page(self) -> None:
        self.send(PAGE, Set_Cookie="a=b")

    def answer_post(self) -> None:
        self.send(b'<html><head><meta property="og:image" content="/poster.png"></head><body>a stream</body></html>')

    def answer_bare(self) -> None:
        self.send(b'<html><head><meta property="og:image" content="/nowhere.png"></head></html>')

    def answer_player(self) -> None:
        self.send(b'<html><body><video controls poster="/poster.png" src="/film.m3u8?t=1"></video></body></html>')

    def answer_odd(self) -> None:
        self.send(b'<html><body><video src="http://[::1/a.m3u8"></video></body></html>')

    def answer_poster_png(self) -> None:
        self.send(poster(), kind="image/png")

    def answer_gone(self) -> None:
        self.send(b"gone", 404)

    def answer_legal(self) -> None:
        self.send(b"", 451)

    def answer_empty(self) -> None:
        self.send(b"")

    def answer_video(self) -> None:
        self.send(bytes(range(256)) * 4000, kind="video/mp4")

    def answer_program(self) -> None:
        self.send(b"MZ", kind="application/x-msdownload")

    def answer_bomb(self) -> None:
        self.send(gzip.compress(bytes(20_000_000)), Content_Encoding="gzip")

    def answer_chunks(self) -> None:
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")

    def answer_endless(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"<p>more</p>" * 100)
                time.sleep(0.001)
        except OSError:
            pass

    def answer_short(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")

    def answer_moved(self) -> None:
        self.send(b"", 302, Location="/page")

    def answer_loop(self) -> None:
        self.send(b"", 302, Location="/loop")

    def answer_inward(self) -> None:
        self.send(b"", 302, Location="http://169.254.169.254/latest/meta-data/")

    def answer_tofile(self) -> None:
        self.send(b"", 302, Location="file:///etc/passwd")

    def answer_nowhere(self) -> None:
        self.send(b"", 302, Location="http://[::1/")

    def answer_misled(self) -> None:
        head = '<meta property="og:image" content="http://[::1/"><link rel="alternate" type="application/json+oembed"'
        self.send(f'<html><head>{head} href="http://[/"></head></html>'.encode())

    def answer_silent(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(robots: bytes | int = b"", handler: type[Site] = Site) -> Iterator[tuple[str, type[Site], Guard]]:
    """Address of a new site, its handler, and a guard that lets it be spoken to."""
    handler = type("Here", (handler,), {"robots": robots, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        guard = Guard(frozenset({("127.0.0.1", server.server_port)}))
        yield f"http://127.0.0.1:{server.server_port}", handler, guard
    finally:
        server.shutdown()
        server.server_close()
