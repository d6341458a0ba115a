"""Where are a file's bytes, and who may reach them?

The only user of Django's storage API. A key is `workspace/random`: made here, never from anything that a person typed,
and every function refuses a key of another workspace than the bound one, as the fence does for rows.
"""

import errno
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from accounts.tenancy.context import current_workspace_id

# An upload whose process was killed leaves its temporary file behind; nobody uploads for longer than this.
ABANDONED_SECONDS = 24 * 60 * 60
INCOMING = "incoming"  # uploads that are still arriving
OUT_OF_REACH = "The place where files are kept can't be reached. Try again in a minute."
NOT_STORED = "The place where files are kept can't be written to, so this file was not stored. Try again in a minute."
GONE = "The bytes of this file are gone from where they were stored. Upload it again."
FULL = {errno.ENOSPC, errno.EDQUOT}
# How old the answer may be to whether the place is there, seconds: probes come more often than a store wants to be asked.
LOOKED_SECONDS = 10.0


class StorageUnavailable(Exception):
    """The bytes could not be written or read; the message says why, for the person who waits for it."""

    status = 503
    """For HTTP."""
    may_be_left = False
    """Bytes of what was not written may lie there all the same: a store that fell silent was sent them, and could not be asked to remove them."""


class NoRoom(StorageUnavailable):
    """Nothing more can be written: waiting does not help."""

    status = 507


class BytesMissing(Exception):
    """A row names bytes that are not there: a restored backup, or somebody's hand in the storage folder."""


class ForeignKeyRefused(Exception):
    """A storage key of one workspace was used while another is bound. Never shown: it is a bug or an attack."""


def new_key() -> str:
    """A fresh key inside the bound workspace, with 128 random bits."""
    return f"{current_workspace_id().hex}/{secrets.token_hex(16)}"


def save(key: str, content: File) -> None:  # type: ignore[type-arg]  # Django's File is generic in the stubs only
    """Write `content` under `key` in chunks; raises `StorageUnavailable` and leaves nothing behind when it cannot."""
    _check(key)
    _expect_answers(NOT_STORED)
    try:
        written = default_storage.save(key, content)
    except OSError as error:
        failed = unwritten(error)
        # What arrived in part goes.
        try:
            delete(key)
        except StorageUnavailable:
            failed.may_be_left = True
        raise failed from error
    if written != key:
        # Django would give a taken name another one; 128 random bits do not collide, so something else is wrong.
        default_storage.delete(written)
        raise StorageUnavailable("The file could not be stored under its own key. Upload it again.")


def open_bytes(key: str) -> BinaryIO:
    """The stored bytes, readable and seekable; the caller closes them. Raises `BytesMissing` and `StorageUnavailable`."""
    _check(key)
    _expect_answers()
    try:
        return cast("BinaryIO", default_storage.open(key, "rb"))
    except FileNotFoundError as error:
        raise BytesMissing(GONE) from error
    except OSError as error:
        raise StorageUnavailable(OUT_OF_REACH) from error


@contextmanager
def local_copy(key: str) -> Iterator[BinaryIO]:
    """The stored bytes as a real file of this machine, which a child process can inherit. Raises as `open_bytes` does."""
    with open_bytes(key) as stored:
        try:
            stored.fileno()
        except (AttributeError, OSError):
            # Object storage has no descriptor: the bytes are copied to an unnamed file that vanishes with its last user.
            with tempfile.TemporaryFile(dir=incoming()) as copy:
                try:
                    shutil.copyfileobj(stored, copy)
                    copy.flush()
                except OSError as error:
                    raise unwritten(error) from error
                yield cast("BinaryIO", copy)
        else:
            yield stored


def delete(key: str) -> None:
    """Remove the bytes; a key without bytes is already what was wanted. Raises `StorageUnavailable`."""
    _check(key)
    _expect_answers()
    try:
        default_storage.delete(key)
    except OSError as error:
        raise StorageUnavailable(OUT_OF_REACH) from error


def erase() -> int:
    """Remove everything that is stored for the bound workspace; returns how many files that were. Safe to repeat.

    Raises `StorageUnavailable`; what is removed by then is gone.
    """
    folder = current_workspace_id().hex
    _expect_answers()
    try:
        names = _names(folder)
        for name in names:
            default_storage.delete(f"{folder}/{name}")
        default_storage.delete(folder)
    except OSError as error:
        raise StorageUnavailable(OUT_OF_REACH) from error
    return len(names)


def everything() -> list[str]:
    """The key of whatever is stored, whoever's it is: for commands of the operators' about all of it. Raises `StorageUnavailable`."""
    try:
        folders, _ = default_storage.listdir("")
        return [f"{folder}/{name}" for folder in folders if folder != INCOMING for name in _names(folder)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageUnavailable(OUT_OF_REACH) from error


def _names(folder: str) -> list[str]:
    try:
        return list(default_storage.listdir(folder)[1])
    except FileNotFoundError:
        return []


def exists(key: str) -> bool:
    """Are there bytes under this key? Raises `StorageUnavailable`."""
    _check(key)
    _expect_answers()
    try:
        return bool(default_storage.exists(key))
    except OSError as error:
        raise StorageUnavailable(OUT_OF_REACH) from error


def holds(key: str) -> bool:
    """The same for a page, which is shown without a button rather than not at all where the place is out of reach."""
    try:
        return exists(key)
    except StorageUnavailable:
        return False


@dataclass
class _Look:
    """What was seen when somebody looked at the place last."""

    place: object = None
    at: float = 0.0
    is_away: bool = False
    is_silent: bool = False


_seen = _Look()
_looking = threading.Lock()


def is_away() -> bool:
    """Is the place where files are kept out of reach as a whole, or does it refuse us? The answer is up to ten seconds old."""
    return _look().is_away


def _expect_answers(otherwise: str = OUT_OF_REACH) -> None:
    """Raise `StorageUnavailable` where the place is known to say nothing.

    Whoever asked a store that hangs would wait for a minute and a half, and hold a place in which others' work could be done.
    """
    if not is_on_disk() and _look().is_silent:
        raise StorageUnavailable(otherwise)


def _look() -> _Look:
    place = settings.STORAGES["default"]
    is_fresh = _seen.place is place and time.monotonic() - _seen.at < LOOKED_SECONDS
    # One looks, and whoever comes meanwhile is told what was seen before: a store that hangs must not hold every thread.
    if not is_fresh and _looking.acquire(blocking=False):
        try:
            is_away, is_silent = _looked()
            _seen.place, _seen.is_away, _seen.is_silent, _seen.at = place, is_away, is_silent, time.monotonic()
        finally:
            _looking.release()
    return _seen


def _looked() -> tuple[bool, bool]:
    """Is it away, and is that because nothing answers? A store that answers and refuses is quick about it."""
    try:
        if is_on_disk():
            return not os.access(incoming(), os.R_OK | os.W_OK | os.X_OK), False
        cast("Any", default_storage).look()
    except OSError as error:
        return True, isinstance(error, ConnectionError)
    return False, False


def is_on_disk() -> bool:
    """Do the bytes lie on a disk of this installation, and not in an object store?"""
    chosen = cast("dict[str, Any]", settings.STORAGES["default"])
    return str(chosen["BACKEND"]).endswith(".FileSystemStorage")


def incoming() -> Path:
    """The private folder of uploads that are still arriving, on the storage's disk so that keeping one is a rename."""
    folder = Path(settings.AIAXIS_HOME) / "storage" / INCOMING
    # `mode` reaches only the last of the folders that are made, so the storage's own is made first.
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def new_temporary() -> IO[bytes]:
    """A temporary file for an arriving upload, 0600, named at random; it is deleted when closed unless it was kept."""
    _sweep_once()
    return tempfile.NamedTemporaryFile(suffix=".part", dir=incoming())


def sweep_incoming() -> int:
    """Remove what killed processes left in the incoming folder more than a day ago; returns how many files."""
    removed = 0
    for path in incoming().glob("*.part"):
        try:
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            # Another process swept it, or its upload ended, between the listing and now.
            continue
    return removed


@cache
def _sweep_once() -> int:
    # Once in each process is often enough, and the first upload is a moment when nobody waits for a page.
    return sweep_incoming()


def full_disk(error: OSError) -> bool:
    """Is there no room left?"""
    return error.errno in FULL


def unwritten(error: OSError) -> StorageUnavailable:
    """The same as an exception, for whoever waits for what could not be written."""
    return NoRoom(sentence(error)) if full_disk(error) else StorageUnavailable(sentence(error))


def sentence(error: OSError) -> str:
    """What to tell somebody whose upload could not be written."""
    if full_disk(error):
        return "There is no room left where files are kept, so this one was not stored. Tell whoever runs this installation."
    return NOT_STORED


def _check(key: str) -> None:
    # Row-level security does not reach the disk, so the key itself must belong to the bound workspace.
    folder, slash, name = key.partition("/")
    if folder != current_workspace_id().hex or not slash or len(name) != 32 or not name.isalnum():
        raise ForeignKeyRefused("This storage key does not belong to the bound workspace.")
