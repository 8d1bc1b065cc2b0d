"""Landlock, for a program without isolation: it can write only below its folder and reach into no other process.

Needs Linux 5.13 or later and no privileges; on older kernels only file permissions restrict such a program.
"""

from __future__ import annotations

import ctypes
import os
import struct

from . import kernel

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
VERSION, PATH_BENEATH = 1, 1
WRITE_FILE = 1 << 1
REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))  # of files, folders, sockets, pipes, devices, links
REFER, TRUNCATE = 1 << 13, 1 << 14  # since versions 2 and 3

_libc = ctypes.CDLL(None, use_errno=True)


def confine_writes(folder: str) -> None:
    """For this process and all that it starts, for good. Raises OSError if the kernel has Landlock but refuses."""
    version = _libc.syscall(ctypes.c_long(CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint(VERSION))
    if version < 1:
        return
    rights = WRITE_FILE | REMOVE_AND_MAKE | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    handled = ctypes.create_string_buffer(struct.pack("=Q", rights), 8)
    rules = _call(CREATE_RULESET, handled, ctypes.c_size_t(8), ctypes.c_uint(0))
    for path, allowed in ((folder, rights), ("/dev/null", rights & (WRITE_FILE | TRUNCATE))):
        place = os.open(path, os.O_PATH)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", allowed, place), 12)
        _call(ADD_RULE, ctypes.c_int(rules), ctypes.c_int(PATH_BENEATH), rule, ctypes.c_uint(0))
        os.close(place)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    _call(RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint(0))
    os.close(rules)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"landlock: {os.strerror(code)}")
    return result
