"""What may a parser that has been taken over by its document still do? As little as the kernel can enforce.

Parsers are large and documents hostile, so the child gives up, before it looks at the first byte: memory, processor
time and files beyond a limit; every new file or socket; and, where Linux offers Landlock, every path and TCP port.
It starts without our environment, so there is no secret in its memory to begin with.
"""

import ctypes
import os
import resource
import struct
import sys

MEMORY_BYTES = 1024 * 1024 * 1024
PROCESSOR_SECONDS = 90
# Unprivileged "nobody" on Linux; used only when we run as root, who would otherwise not be held by the limits.
NOBODY = 65534

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
SIGKILL = 9
# System call numbers of Landlock: the same on every architecture, see landlock(7).
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
LANDLOCK_CREATE_RULESET_VERSION = 1
# How many filesystem rights each version of Landlock knows; handled and granted to nothing means denied.
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}


def limit_resources() -> None:
    """Cap memory, processor time and written bytes of this process; the soft and the hard limit are the same."""
    _lower(resource.RLIMIT_AS, MEMORY_BYTES)
    _lower(resource.RLIMIT_CPU, PROCESSOR_SECONDS)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)


def die_with_parent() -> None:
    """Ask Linux to end this process with its parent, so that a killed worker leaves no reader running."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, SIGKILL)


def close_doors() -> None:
    """From here on no file, no socket, no program and no other process can be reached. Call after all imports."""
    if sys.platform == "linux":
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        deny_paths_and_ports()
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
    # The three standard streams are open, and nothing can be opened beside them.
    _lower(resource.RLIMIT_NOFILE, 3)


def deny_paths_and_ports() -> bool:
    """Enter a Landlock domain with no rights; False where the kernel has no Landlock."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION)
    if version < 1:
        return False
    files = (1 << FILE_RIGHTS[min(version, 5)]) - 1
    # handled_access_fs, then (from version 4) handled_access_net: bind and connect over TCP.
    rules = struct.pack("=QQ", files, 3) if version >= 4 else struct.pack("=Q", files)
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


def _lower(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(which, (most, most))
    except (OSError, ValueError):
        # macOS knows RLIMIT_AS but lets nobody lower it; every other refusal is a broken confinement.
        if sys.platform != "darwin" or which != resource.RLIMIT_AS:
            raise
