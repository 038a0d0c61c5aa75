"""A filter on system calls for the decoding child: no network, no program, no writing to the file system.

Source: seccomp(2), bpf classic; numbers of the kernel's tables for x86-64 and AArch64 (asm-generic). The filter is a
list of what is refused (EPERM), because the decoders' own needs (threads, memory, reading) differ between versions;
opening for reading stays possible. It only narrows what a taken-over decoder could do: limits and the pipe still hold.
Limits: Linux on these two processors; elsewhere, or where the kernel refuses, nothing happens and False is returned.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD_WORD, _JUMP_EQUAL, _JUMP_BITS, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ERRNO | EPERM
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16
_WRITE_FLAGS = 0o3 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
_X32_BIT = 0x40000000

# per machine: audit architecture; refused numbers; {open-like number: index of its flags argument}
_TABLES: dict[str, tuple[int, tuple[int, ...], dict[int, int]]] = {
    "x86_64": (
        0xC000003E,
        (
            *(41, 42, 43, 49, 50, 288),  # socket, connect, accept, bind, listen, accept4
            *(57, 58, 59, 322, 62, 101, 310, 311, 438),  # fork, vfork, execve(at), kill, ptrace, process_vm_*, ...
            *(76, 82, 83, 84, 85, 86, 87, 88, 90, 92, 94, 133),  # truncate, rename, mkdir ... lchown, mknod
            *(258, 259, 260, 263, 264, 265, 266, 268, 316, 437),  # the *at calls, openat2
            *(165, 166, 321, 425),  # mount, umount2, bpf, io_uring_setup
        ),
        {2: 1, 257: 2},
    ),
    "aarch64": (
        0xC00000B7,
        (
            *(198, 200, 201, 202, 203, 242),  # socket, bind, listen, accept, connect, accept4
            *(221, 281, 129, 117, 270, 271, 438),  # execve(at), kill, ptrace, process_vm_*, pidfd_getfd
            *(45, 33, 34, 35, 36, 37, 38, 53, 54, 276, 437),  # truncate, the *at calls, openat2
            *(39, 40, 280, 425),  # umount2, mount, bpf, io_uring_setup
        ),
        {56: 2},
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def refuse_network_and_writes() -> bool:
    """Put the filter on this process and all its threads to come; cannot be undone.

    Returns:
        Whether it is in force.
    """
    table = _TABLES.get(platform.machine()) if sys.platform == "linux" else None
    if table is None:
        return False
    code = _assemble(*table)
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(code) // 8, code)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _assemble(architecture: int, refused: tuple[int, ...], open_like: dict[int, int]) -> bytes:
    """Classic BPF; each test that matches falls through to its own return."""
    steps = [
        _step(_LOAD_WORD, 0, 0, _ARCH_AT),
        _step(_JUMP_EQUAL, 1, 0, architecture),
        _step(_RETURN, 0, 0, _REFUSE),
        _step(_LOAD_WORD, 0, 0, _NUMBER_AT),
        _step(_JUMP_AT_LEAST, 0, 1, _X32_BIT),
        _step(_RETURN, 0, 0, _REFUSE),
    ]
    for number in refused:
        steps += [_step(_JUMP_EQUAL, 0, 1, number), _step(_RETURN, 0, 0, _REFUSE)]
    for number, argument in open_like.items():
        steps += [
            _step(_JUMP_EQUAL, 0, 4, number),
            _step(_LOAD_WORD, 0, 0, _ARGUMENTS_AT + 8 * argument),
            _step(_JUMP_BITS, 0, 1, _WRITE_FLAGS),
            _step(_RETURN, 0, 0, _REFUSE),
            _step(_RETURN, 0, 0, _ALLOW),
        ]
    return b"".join([*steps, _step(_RETURN, 0, 0, _ALLOW)])


def _step(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
