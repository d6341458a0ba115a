"""What may a parser that has been taken over by its document still do? As little as the kernel can enforce.

Parsers are large and documents hostile, so the child gives up, before it looks at the first byte: memory and processor
time beyond a limit; every further descriptor and process; where Linux offers Landlock, every path, every TCP port and
every signal to others; and where it offers seccomp, every call but the few that parsing needs (`calls.py`).
It starts without our environment, so there is no secret in its memory to begin with.
"""

import ctypes
import os
import resource
import struct
import sys

from files.extraction import calls

MEMORY_BYTES = 1024 * 1024 * 1024
# At the first the kernel sends SIGXCPU, by which the parent knows what happened; at the second it kills.
PROCESSOR_SECONDS, PROCESSOR_SECONDS_AT_MOST = 90, 95
# Unprivileged "nobody" on Linux; used only when we run as root, who would otherwise not be held by the limits.
NOBODY = 65534

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
SIGKILL = 9
# System call numbers of Landlock: the same on every architecture, see landlock(7).
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
LANDLOCK_CREATE_RULESET_VERSION = 1
# How many filesystem rights each version of Landlock knows; handled and granted to nothing means denied.
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
TCP_BIND_AND_CONNECT = 3  # from version 4
ABSTRACT_SOCKETS_AND_SIGNALS = 3  # from version 6: neither reaches a process outside


def limit_resources() -> None:
    """Cap memory, processor time and written bytes of this process."""
    _lower(resource.RLIMIT_AS, MEMORY_BYTES)
    # A soft limit that equals the hard one is never announced: the kernel just kills, and nobody knows why.
    _lower(resource.RLIMIT_CPU, PROCESSOR_SECONDS, PROCESSOR_SECONDS_AT_MOST)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)


def die_with_parent() -> None:
    """Ask Linux to end this process with its parent, so that a killed worker leaves no reader running.

    A parent that died before this call is noticed at the first page, for which there is no reader any more.
    """
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, SIGKILL)


def close_doors() -> None:
    """From here on no file, no socket, no program and no other process can be reached. Call after all imports.

    The limits hold everywhere. What only Linux can refuse (signals to processes of the same user, above all) needs
    Landlock 6 (Linux 6.12) or seccomp; `docs/promise.md` says so.
    """
    if sys.platform == "linux":
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        deny_paths_ports_and_signals()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        if sys.platform == "linux":
            # A change of user clears the death signal, so it is asked for again.
            die_with_parent()
    if sys.platform == "linux":
        # Not even a process of the same user may attach to this one, nor this one's memory be dumped.
        _prctl(PR_SET_DUMPABLE, 0)
    # The three standard streams stay open. The limit is none, not three: whoever closed one of them could open another.
    _lower(resource.RLIMIT_NOFILE, 0)
    # After the change of user, since root is not held by it.
    _lower(resource.RLIMIT_NPROC, 0)
    if sys.platform == "linux":
        calls.deny_all_others()


def deny_paths_ports_and_signals() -> bool:
    """Enter a Landlock domain with no rights; False where the kernel has no Landlock."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION)
    if version < 1:
        return False
    files = (1 << FILE_RIGHTS[min(version, 5)]) - 1
    # The kernel takes as many of the three words as its version knows: handled_access_fs, handled_access_net, scoped.
    words = [files, *[TCP_BIND_AND_CONNECT] * (version >= 4), *[ABSTRACT_SOCKETS_AND_SIGNALS] * (version >= 6)]
    rules = struct.pack(f"={len(words)}Q", *words)
    ruleset = libc.syscall(LANDLOCK_CREATE_RULESET, rules, len(rules), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "Landlock refused the rule set")
    try:
        if libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0:
            raise OSError(ctypes.get_errno(), "Landlock could not be entered")
    finally:
        os.close(ruleset)
    return True


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")


def _lower(which: int, soft: int, most: int | None = None) -> None:
    _, hard = resource.getrlimit(which)
    most = soft if most is None else most
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(which, (min(soft, most), most))
    except (OSError, ValueError):
        # macOS knows RLIMIT_AS but lets nobody lower it; every other refusal is a broken confinement.
        if sys.platform != "darwin" or which != resource.RLIMIT_AS:
            raise
