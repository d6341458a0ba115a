"""Which calls to the kernel does a parser need, and how are all others taken from it?

A list of what is allowed, not of what is dangerous: reading, writing and closing what is open already, memory, clocks
and its own end. So there is no `socket`, `fork`, `execve`, `kill`, `ptrace` or `open` to call, whatever the user may do.
Written out here because the kernel's interface is small and a package for it would be one more in the child.
"""

import ctypes
import errno
import os
import platform
import struct

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
# What the filter answers: go on; fail with EPERM, which a library survives; end the process.
ALLOW, REFUSE, END = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
# <linux/bpf_common.h>: load a word of the call's description, compare, return.
LOAD, COMPARE, RETURN = 0x20, 0x15, 0x06
NUMBER_AT, ARCHITECTURE_AT = 0, 4

# By machine: its AUDIT_ARCH word, and the numbers from its unistd header. The calls, in this order, are for what is open
# already: read, write, close, fstat, lseek, pread64, writev, fcntl; for memory: mmap, mprotect, munmap, brk, mremap, madvise;
# for signals to oneself: rt_sigaction, rt_sigprocmask, rt_sigreturn, sigaltstack; for locks and ids: futex, gettid, getpid,
# sched_yield; for clocks: nanosleep, gettimeofday, getrusage, sysinfo, times, clock_gettime, clock_getres, clock_nanosleep;
# restart_syscall, getrandom, exit, exit_group; and on x86-64 the old call named time.
NEEDED: dict[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (
        0xC000003E,
        (
            0, 1, 3, 5, 8, 17, 20, 72, 9, 10, 11, 12, 25, 28, 13, 14, 15, 131, 202, 186, 39, 24, 35, 96, 98, 99, 100, 228,
            229, 230, 219, 318, 60, 231, 201,
        ),
    ),
    "aarch64": (
        0xC00000B7,
        (
            63, 64, 57, 80, 62, 67, 66, 25, 222, 226, 215, 214, 216, 233, 134, 135, 139, 132, 98, 178, 172, 124, 101, 169,
            165, 179, 153, 113, 114, 115, 128, 278, 93, 94,
        ),
    ),
}  # fmt: skip


class _Program(ctypes.Structure):
    """`struct sock_fprog`: how many instructions, and where."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def deny_all_others() -> bool:
    """Refuse, for the rest of this process's life, every call outside the list; needs no_new_privs to be set.

    False where the kernel has no seccomp or we do not know the machine's numbers: the other walls then stand alone.
    """
    known = NEEDED.get(platform.machine())
    if known is None:
        return False
    code = _filter(*known)
    instructions = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(ctypes.get_errno(), f"seccomp was refused: {os.strerror(ctypes.get_errno())}")


def _filter(architecture: int, numbers: tuple[int, ...]) -> bytes:
    """The filter in the kernel's own instructions, eight bytes each: code, steps if true, steps if false, operand."""
    steps = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        # The same number means another call for a program of another architecture, which none of ours is.
        (COMPARE, 1, 0, architecture),
        (RETURN, 0, 0, END),
        (LOAD, 0, 0, NUMBER_AT),
        *((COMPARE, len(numbers) - place, 0, number) for place, number in enumerate(numbers)),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
