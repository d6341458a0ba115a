"""Has this password been in a breach, as far as a file on this machine says?

The file is what Have I Been Pwned offers for download: SHA-1 in hexadecimal, a colon, a count, sorted, one a line (35 GB
and more). It is searched by halving, never loaded: some forty reads for a password. Nothing leaves this machine.
"""

from __future__ import annotations

import os
import re
from hashlib import sha1
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings

from accounts.identity.base import Unavailable
from accounts.identity.hashing import normalized

_LINE: Final = re.compile(rb"[0-9A-Fa-f]{40}(:\d+)?\r?\n?")
_LONGEST_LINE: Final = 128  # bytes
_SAMPLES: Final = 64  # lines that the start compares with each other


def contains(password: str) -> bool:
    """Is the password in the file? False where none is configured. Raises ``Unavailable`` if it cannot be read."""
    path = settings.BREACHED_PASSWORDS_FILE
    if not path:
        return False
    digest = sha1(normalized(password).encode(), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with Path(path).open("rb") as file:
            return _search(file, digest)
    except OSError as error:
        # It was there at the start. A password that cannot be looked up is not accepted as if it had been.
        raise Unavailable("list of breached passwords") from error


def problem_with(path: str) -> str:
    """What is wrong with the file, as half a sentence; "" if it can be used."""
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not _LINE.fullmatch(file.readline(_LONGEST_LINE)):
                return "does not begin with a line such as 00000…:12 (SHA-1 in hexadecimal, a colon, a count)"
            lines = [_line_from(file, size * number // _SAMPLES) for number in range(_SAMPLES)]
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    hashes = [line[:40].upper() for line in lines if line]
    if not all(_LINE.fullmatch(line) for line in lines if line):
        return "contains lines of another form than SHA-1 in hexadecimal, a colon, a count"
    return "" if hashes == sorted(hashes) else "is not sorted by hash; sort it, or download the version ordered by hash"


def _search(file: BinaryIO, digest: bytes) -> bool:
    """Halve the file, byte positions first: a position stands for the first whole line behind it."""
    low, high = 0, os.fstat(file.fileno()).st_size
    while low < high:
        middle = (low + high) // 2
        line = _line_from(file, middle)
        if line and line[:40].upper() < digest:
            low = middle + 1
        else:
            high = middle
    return _line_from(file, low)[:40].upper() == digest


def _line_from(file: BinaryIO, position: int) -> bytes:
    """The first line that begins at this position or behind it."""
    if position:
        file.seek(position - 1)
        file.readline(_LONGEST_LINE)
    else:
        file.seek(0)
    return file.readline(_LONGEST_LINE)
