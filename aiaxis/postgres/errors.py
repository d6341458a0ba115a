"""How does the embedded server say, in one sentence, why it cannot run?"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = (
    "The disk that holds {path} is full: PostgreSQL needs about 200 MB there to begin. Free some space and start again."
)
# A page of which only a part found room is "wrote only 4096 of 8192 bytes"; of such a disk PostgreSQL says no more than the hint.
_WORDS_OF_A_FULL_DISK = ("No space left on device", "Disk quota exceeded", "Check free disk space")


class ServerError(Exception):
    """The embedded PostgreSQL cannot run. Its text is for people: what happened, why, and what to do next."""


@contextmanager
def in_plain_words(path: Path) -> Iterator[None]:
    """Turn an `OSError` about the server's own files, all at or below `path`, into a `ServerError`."""
    try:
        yield
    except OSError as error:
        raise ServerError(_sentence(error, path)) from error


def _sentence(error: OSError, path: Path) -> str:
    where = error.filename or path
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or _found_no_space(error):
        return _FULL.format(path=path)
    if error.errno == errno.EROFS:
        return (
            f"{where} is on a read-only file system, so the embedded PostgreSQL has no place for its data. "
            "Set AIAXIS_HOME to a folder that can be written, or DATABASE_URL to a server of your own."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{where} may not be written by this user, so the embedded PostgreSQL has no place for its data. "
            "Run as the user who owns it, or set AIAXIS_HOME to a folder of your own."
        )
    return f"The embedded PostgreSQL cannot use {where} ({error.strerror}). Check AIAXIS_HOME and start again."


def from_logs(deed: str, *logs: Path) -> ServerError:
    """Build the error for a program of PostgreSQL that failed.

    `deed` finishes the sentence "PostgreSQL could not …"; the last line of `logs` that states a cause is quoted, and
    a full disk gets its own sentence, since that is the cause that people can cure at once.
    """
    lines = [line for log in logs for line in _tail(log)]
    if any(words in line for line in lines for words in _WORDS_OF_A_FULL_DISK):
        return ServerError(_FULL.format(path=logs[0].parent))
    causes = [line for line in lines if "FATAL" in line or "error:" in line or "PANIC" in line]
    cause = (causes or lines or ["it left no message"])[-1].strip()
    return ServerError(f"PostgreSQL could not {deed} ({cause}). The whole story is in {logs[-1]}.")


def _tail(log: Path) -> list[str]:
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-4000:].splitlines()
    except FileNotFoundError:
        return []


def _found_no_space(error: OSError) -> bool:
    """Did a copy of many files end on a full disk? `shutil.Error` has no number of its own, only each file's words."""
    return isinstance(error, shutil.Error) and any(
        os.strerror(number) in str(error) for number in (errno.ENOSPC, errno.EDQUOT)
    )
