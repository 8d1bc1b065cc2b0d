"""The system calls that a program may not make: a seccomp filter, at every level of isolation.

It closes gaps that namespaces leave: memory that no limit counts (shared mappings, memfd, System V shared memory),
sockets outside any network namespace (vsock), new user namespaces, and calls that reach into other processes. A program
stays in the session that was made for it: the kernel divides processor time among sessions (autogroup), so a program
with many of them would starve its neighbours. It can't have the kernel forget what its ended processes used, by
ignoring SIGCHLD, and it has no way to send the signals by which others end programs (NOT_ITS_OWN). No other program
can be started: what runs is Python, in the stack that the supervisor knows (see child.py).
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Sequence

from . import kernel

Step = tuple[int, int, int, int]  # operation, steps to skip if true, if false, operand

# name: (number on x86_64, number on aarch64)
REFUSED = {
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "setsid": (112, 157),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "socket": (41, 198),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "open_by_handle_at": (304, 265),
    "syslog": (103, 116),
}
# A program that shares its process numbers with its supervisor and others may send no signals and set no priorities.
ON_OTHERS = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "timer_create": (222, 107),  # a timer that runs out sends any signal; setitimer stays
    # These would slow down other processes of the same user, including future ones.
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
}
CLONE = (56, 220)
CLONE3 = (435, 435)
PRLIMIT = (302, 261)
RT_SIGACTION = (13, 134)
FCNTL = (72, 25)
IOCTL = (16, 29)
SOCKETPAIR = (53, 199)
MMAP = (9, 222)
# A child can be made to send its parent any signal when it ends: SIGCHLD, or none, if no other bit of these is set.
OTHER_EXIT_SIGNALS = 0xFF & ~signal.SIGCHLD
# As long as there is the filter, a program that shares its process numbers dies of these only if others send them.
NOT_ITS_OWN = (signal.SIGKILL, signal.SIGTERM)
SIGNALLING_FCNTLS = (
    8,
    10,
    15,
)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: send a signal to any process when a file is ready
SIGNALLING_IOCTLS = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP: the same
# SOCK_STREAM and SOCK_SEQPACKET, with SOCK_CLOEXEC and SOCK_NONBLOCK: datagram sockets could write to others.
PAIRS = tuple(kind | flags for kind in (1, 5) for flags in (0, 0x80000, 0x800, 0x80800))
MAP_SHARED = 1  # pages stay as long as they are mapped, even if no process has them resident (MADV_DONTNEED)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, audit number

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
NUMBER, MACHINE, FIRST_ARGUMENT, SECOND_ARGUMENT, FOURTH_ARGUMENT = (
    0,
    4,
    16,
    24,
    40,
)  # offsets in the data a filter sees
SECCOMP_MODE_FILTER = 2


def available() -> bool:
    """Whether there is a filter for this machine."""
    return os.uname().machine in MACHINES


def refuse(shared_processes: bool) -> None:
    """Installs the filter for this process and all that it starts, for good. Other architectures get none."""
    if not available():
        return
    code = _filter(*MACHINES[os.uname().machine], shared_processes)
    buffer = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer)))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program))


def _filter(column: int, audit: int, shared_processes: bool) -> bytes:
    calls = REFUSED | ON_OTHERS if shared_processes else REFUSED
    steps: list[Step] = [
        (LOAD, 0, 0, MACHINE),
        (EQUAL, 1, 0, audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, 0x40000000),  # the x32 numbers, a second way to every call
        (RETURN, 0, 0, EPERM),
        (EQUAL, 0, 1, CLONE3[column]),  # a filter cannot see its flags: libc then uses clone
        (RETURN, 0, 0, ENOSYS),
    ]
    for numbers in calls.values():
        steps += [(EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, EPERM)]
    refused = [kernel.CLONE_NEWUSER, OTHER_EXIT_SIGNALS]
    steps += _examine(CLONE[column], FIRST_ARGUMENT, ANY_BIT, refused, EPERM, ALLOW)
    steps += _examine(RT_SIGACTION[column], FIRST_ARGUMENT, EQUAL, [signal.SIGCHLD], EPERM, ALLOW)
    # A program may change its own limits, not those of another process.
    steps += _examine(PRLIMIT[column], FIRST_ARGUMENT, EQUAL, [0], ALLOW, EPERM)
    steps += _examine(FCNTL[column], SECOND_ARGUMENT, EQUAL, SIGNALLING_FCNTLS, EPERM, ALLOW)
    steps += _examine(IOCTL[column], SECOND_ARGUMENT, EQUAL, SIGNALLING_IOCTLS, EPERM, ALLOW)
    steps += _examine(MMAP[column], FOURTH_ARGUMENT, ANY_BIT, [MAP_SHARED], EPERM, ALLOW)
    if shared_processes:
        steps += _examine(SOCKETPAIR[column], SECOND_ARGUMENT, EQUAL, PAIRS, ALLOW, EPERM)
    steps.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _examine(
    number: int, argument: int, test: int, values: Sequence[int], found: int, otherwise: int
) -> list[Step]:
    """For one call: what is returned if its argument passes the test with one of the values, and what otherwise."""
    steps: list[Step] = [(LOAD, 0, 0, argument)]
    for value in values:
        steps += [(test, 0, 1, value), (RETURN, 0, 0, found)]
    steps.append((RETURN, 0, 0, otherwise))
    return [(EQUAL, 0, len(steps), number), *steps]
