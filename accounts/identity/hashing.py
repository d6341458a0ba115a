"""How is a password hashed, compared and bounded, so that a flood of sign-ins cannot take the process with it?

Argon2id, 46 MiB, two passes, one lane (assurance.md; OWASP's first choice is 46 MiB and one pass). Django's default of
100 MiB and 8 lanes cost 1.6 GB for 16 parallel sign-ins. At most ``SLOTS`` hashes are at work or waiting in a process:
the next one is refused with ``Unavailable``, so memory and threads stay bounded and signed-in people go on working.
"""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.contrib.auth.hashers import Argon2PasswordHasher, get_hasher, identify_hasher, make_password

from accounts.identity.base import Unavailable

SLOTS = 8  # at work or waiting, per process
RETRY_AFTER = 2  # seconds; eight hashes of about 0.1 s each on two cores are done well before

_admitted = threading.BoundedSemaphore(SLOTS)
# Hashing is pure computation outside the interpreter's lock: more at once than cores only makes each one slower.
_working = threading.BoundedSemaphore(max(1, min(SLOTS, os.cpu_count() or 1)))


class BoundedArgon2Hasher(Argon2PasswordHasher):
    """Django's argon2id hasher with the parameters of assurance.md."""

    time_cost = 2
    memory_cost = 47_104  # KiB: 46 MiB
    parallelism = 1


@contextmanager
def slot() -> Iterator[None]:
    """Hold one of the process's places for hashing, or refuse at once with ``Unavailable``."""
    # A caller who waited here would hold a server thread: a flood of sign-ins would then stop every page.
    if not _admitted.acquire(blocking=False):
        raise Unavailable("password hashing", retry_after=RETRY_AFTER)
    try:
        yield
    finally:
        _admitted.release()


def taken() -> int:
    """How many hashes of this process are at work or waiting."""
    return SLOTS - _admitted._value


def normalized(password: str) -> str:
    """The same password however the keyboard composed it: Unicode NFC (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFC", password)


def encoded(password: str) -> str:
    """The stored form of a password. Call it inside ``slot()``."""
    with _working:
        return make_password(normalized(password))


def matches(password: str, stored: str | None) -> bool:
    """Is this the password? ``stored`` None, for an unknown account, takes the same time. Call it inside ``slot()``."""
    with _working:
        # Asked for in both cases: made at its first use, it would otherwise tell the first unknown account by its time.
        nobodys = _nobodys_password()
        reference = stored or nobodys
        right = identify_hasher(reference).verify(normalized(password), reference)
    return right and stored is not None


def is_outdated(stored: str) -> bool:
    """Was this hashed with other parameters than today's?"""
    return get_hasher("default").must_update(stored)


@cache
def _nobodys_password() -> str:
    # Unknown accounts are compared with this, so that they cost what known ones cost.
    return make_password(os.urandom(16).hex())
