"""Which system calls a plugin may make, as a program that the kernel runs before each.

A plugin is one process with threads. It may compute, and read and write what it has open and what
Landlock lets it open. It makes no sockets, no processes, runs no programs, sends no signals but to
itself, and changes no rights, owners or times of files, which Landlock does not know of.
"""

from __future__ import annotations

import struct
from typing import Final

from funland_plugin.isolation.system_calls import Processor

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_GREATER: Final = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_REFUSE: Final = 0x00050000
_NOT_PERMITTED: Final = 1
_NOT_THERE: Final = 38

_NUMBER: Final = 0
_ARCHITECTURE: Final = 4
_THREAD: Final = 0x00010000
"""`CLONE_THREAD`."""
_ACCESS: Final = 0o3
_TRUNCATE: Final = 0o1000
_PRCTL_NAMES: Final = (15, 16)
"""`PR_SET_NAME` and `PR_GET_NAME`, which libraries of threads use."""
_PUSHES: Final = (0x5412, 0x541C)
"""`TIOCSTI` and `TIOCLINUX`, which type for others."""
_OWNERS: Final = (8, 10, 15, 1024, 1026)
"""Commands of `fcntl` that have others signalled, or watch or hold up their files."""

NEVER: Final = (
    "accept", "accept4", "acct", "add_key", "adjtimex", "bind", "bpf", "chmod", "chown", "chroot",
    "clock_adjtime", "clock_settime", "connect", "creat", "delete_module", "execve", "execveat",
    "fanotify_init", "fanotify_mark", "fchmod", "fchmodat", "fchown", "fchownat", "finit_module",
    "fork", "fremovexattr", "fsconfig", "fsetxattr", "fsmount", "fsopen", "fspick", "futimesat",
    "init_module", "inotify_add_watch", "ioperm", "iopl", "ioprio_set", "kcmp", "kexec_file_load",
    "kexec_load", "keyctl", "lchown", "listen", "lremovexattr", "lsetxattr", "memfd_create",
    "memfd_secret", "migrate_pages", "modify_ldt", "mount", "mount_setattr", "move_mount",
    "move_pages", "mq_open", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd",
    "name_to_handle_at", "open_by_handle_at", "open_tree", "perf_event_open", "personality",
    "pidfd_getfd", "pidfd_open", "pidfd_send_signal", "pivot_root", "process_madvise",
    "process_mrelease", "process_vm_readv", "process_vm_writev", "ptrace", "quotactl",
    "quotactl_fd", "reboot", "removexattr", "request_key", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
    "sched_setattr", "sched_setparam", "sched_setscheduler", "semctl", "semget", "semop",
    "semtimedop", "sendmmsg", "sendmsg", "setdomainname", "sethostname", "setns", "setpriority",
    "setrlimit", "settimeofday", "setxattr", "shmat", "shmctl", "shmget", "socket", "swapoff",
    "swapon", "sync", "syncfs", "syslog", "tkill", "truncate", "umount2", "unshare", "userfaultfd",
    "utime", "utimensat", "utimes", "vfork", "vhangup",
)  # fmt: skip
"""Calls that are refused whatever their arguments."""
MISSING: Final = ("clone3", "io_uring_enter", "io_uring_register", "io_uring_setup", "openat2")
"""Calls whose arguments can't be seen: they are not there, so that libraries use the older ones."""


def program(processor: Processor, pid: int) -> bytes:
    """The filter for the process with that id."""
    numbers = processor.numbers
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        _line(_EQUAL, processor.audit, 1, 0),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER),
        # Also what x86 calls x32: its numbers have a high bit.
        _line(_GREATER, processor.newest, 0, 1),
        _line(_RETURN, _REFUSE | _NOT_THERE),
    ]
    for name in NEVER:
        if name in numbers:
            lines += [_line(_EQUAL, numbers[name], 0, 1), _line(_RETURN, _REFUSE | _NOT_PERMITTED)]
    for name in MISSING:
        lines += [_line(_EQUAL, numbers[name], 0, 1), _line(_RETURN, _REFUSE | _NOT_THERE)]
    for name, block in _blocks(pid).items():
        if name in numbers:
            lines += [_line(_EQUAL, numbers[name], 0, len(block)), *block]
    return b"".join([*lines, _line(_RETURN, _ALLOW)])


def refusing(processor: Processor, name: str) -> bytes:
    """A filter that has one call not be there: a system that lacks it, for tests."""
    return b"".join(
        [
            _line(_LOAD, _NUMBER),
            _line(_EQUAL, processor.numbers[name], 0, 1),
            _line(_RETURN, _REFUSE | _NOT_THERE),
            _line(_RETURN, _ALLOW),
        ]
    )


def _blocks(pid: int) -> dict[str, list[bytes]]:
    """What is run for calls that depend on their arguments; each block ends in a return."""
    truncating = [
        _line(_AND, _ACCESS | _TRUNCATE),
        # A file that may only be read can be emptied so where Landlock is of the first versions.
        _line(_EQUAL, _TRUNCATE, 1, 0),
        _line(_RETURN, _ALLOW),
        _line(_RETURN, _REFUSE | _NOT_PERMITTED),
    ]
    return {
        "clone": [
            _argument(0),
            _line(_ANY_BIT, _THREAD, 1, 0),
            _line(_RETURN, _REFUSE | _NOT_PERMITTED),
            _line(_RETURN, _ALLOW),
        ],
        "kill": [_argument(0), *_only(pid)],
        "tgkill": [_argument(0), *_only(pid)],
        "prctl": [_argument(0), *_only(*_PRCTL_NAMES)],
        "ioctl": [_argument(1), *_but(*_PUSHES)],
        "fcntl": [_argument(1), *_but(*_OWNERS)],
        "open": [_argument(1), *truncating],
        "openat": [_argument(2), *truncating],
        # To set limits, or to send to an address, there must be a pointer.
        "prlimit64": [
            *_null(2),
            _argument(0),
            *_only(0, pid),
        ],
        "sendto": [*_null(4), _line(_RETURN, _ALLOW)],
    }


def _only(*values: int) -> list[bytes]:
    checks = [
        line for value in values for line in (_line(_EQUAL, value, 0, 1), _line(_RETURN, _ALLOW))
    ]
    return [*checks, _line(_RETURN, _REFUSE | _NOT_PERMITTED)]


def _but(*values: int) -> list[bytes]:
    checks = [
        line
        for value in values
        for line in (_line(_EQUAL, value, 0, 1), _line(_RETURN, _REFUSE | _NOT_PERMITTED))
    ]
    return [*checks, _line(_RETURN, _ALLOW)]


def _null(index: int) -> list[bytes]:
    """Refuses what has a pointer as that argument, and else goes on."""
    refuse = _line(_RETURN, _REFUSE | _NOT_PERMITTED)
    return [
        _argument(index), _line(_EQUAL, 0, 1, 0), refuse,
        _argument(index, high=True), _line(_EQUAL, 0, 1, 0), refuse,
    ]  # fmt: skip


def _argument(index: int, *, high: bool = False) -> bytes:
    """Loads an argument's lower half; both processors that we know have it first."""
    return _line(_LOAD, 16 + 8 * index + (4 if high else 0))


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
