"""The filter on system calls, tried in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

ATTEMPTS = """
import os, pathlib, socket, subprocess, sys, threading
from haechi.core.media.seccomp import refuse_network_and_writes

folder = pathlib.Path(sys.argv[1])
(folder / "there.txt").write_text("read me")
left, right = socket.socketpair()
print("in force", refuse_network_and_writes())

def refused(attempt):
    try:
        attempt()
    except PermissionError:
        return True
    return False

print("network", refused(lambda: socket.socket()))
print("write", refused(lambda: (folder / "new.txt").write_text("x")))
print("append", refused(lambda: (folder / "there.txt").open("a")))
print("remove", refused(lambda: (folder / "there.txt").unlink()))
print("rename", refused(lambda: (folder / "there.txt").rename(folder / "gone.txt")))
print("folder", refused(lambda: (folder / "sub").mkdir()))
print("program", refused(lambda: subprocess.run([sys.executable, "-V"], check=False)))
print("exec", refused(lambda: os.execv(sys.executable, [sys.executable, "-V"])))
print("kill", refused(lambda: os.kill(os.getppid(), 0)))
print("read", (folder / "there.txt").read_text() == "read me")
thread = threading.Thread(target=left.sendall, args=(b"hello",))
thread.start()
thread.join()
print("thread and pipe", right.recv(5) == b"hello")
"""


def test_reading_and_threads_work_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    if sys.platform == "linux" and platform.machine() in {"x86_64", "aarch64"} and answers["in force"] == "True":
        assert set(answers.values()) == {"True"}, answers
    else:
        assert answers["read"] == answers["thread and pipe"] == "True"
