"""Where are a file's bytes, and who may reach them?

The only user of Django's storage API. A key is `workspace/random`: made here, never from anything that a person typed,
and every function refuses a key of another workspace than the bound one, as the fence does for rows.
"""

import errno
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from accounts.tenancy.context import current_workspace_id

# An upload whose process was killed leaves its temporary file behind; nobody uploads for longer than this.
ABANDONED_SECONDS = 24 * 60 * 60
OUT_OF_REACH = "The place where files are kept can't be reached. Try again in a minute."
GONE = "The bytes of this file are gone from where they were stored. Upload it again."
FULL = {errno.ENOSPC, errno.EDQUOT}


class StorageUnavailable(Exception):
    """The bytes could not be written or read; the message says why, for the person who waits for it."""


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
    try:
        written = default_storage.save(key, content)
    except OSError as error:
        # What arrived in part goes. Where the place is out of reach nothing can be removed, and nothing names what may be there.
        with suppress(StorageUnavailable):
            delete(key)
        raise StorageUnavailable(sentence(error)) from error
    if written != key:
        # Django would give a taken name another one; 128 random bits do not collide, so something else is wrong.
        default_storage.delete(written)
        raise StorageUnavailable("The file could not be stored under its own key. Upload it again.")


def open_bytes(key: str) -> BinaryIO:
    """The stored bytes, readable and seekable; the caller closes them. Raises `BytesMissing` and `StorageUnavailable`."""
    _check(key)
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
                except OSError as error:
                    raise StorageUnavailable(sentence(error)) from error
                copy.flush()
                yield cast("BinaryIO", copy)
        else:
            yield stored


def delete(key: str) -> None:
    """Remove the bytes; a key without bytes is already what was wanted. Raises `StorageUnavailable`."""
    _check(key)
    try:
        default_storage.delete(key)
    except OSError as error:
        raise StorageUnavailable(OUT_OF_REACH) from error


def erase() -> int:
    """Remove everything that is stored for the bound workspace; returns how many files that were. Safe to repeat."""
    folder = current_workspace_id().hex
    try:
        _, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return 0
    for name in names:
        default_storage.delete(f"{folder}/{name}")
    default_storage.delete(folder)
    return len(names)


def exists(key: str) -> bool:
    """Are there bytes under this key? Raises `StorageUnavailable`."""
    _check(key)
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


def is_on_disk() -> bool:
    """Do the bytes lie on a disk of this installation, and not in an object store?"""
    chosen = cast("dict[str, Any]", settings.STORAGES["default"])
    return str(chosen["BACKEND"]).endswith(".FileSystemStorage")


def incoming() -> Path:
    """The private folder of uploads that are still arriving, on the storage's disk so that keeping one is a rename."""
    folder = Path(settings.AIAXIS_HOME) / "storage" / "incoming"
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


def sentence(error: OSError) -> str:
    """What to tell somebody whose upload could not be written."""
    if full_disk(error):
        return "There is no room left where files are kept, so this one was not stored. Tell whoever runs this installation."
    return "The place where files are kept can't be written to, so this file was not stored. Try again in a minute."


def _check(key: str) -> None:
    # Row-level security does not reach the disk, so the key itself must belong to the bound workspace.
    folder, slash, name = key.partition("/")
    if folder != current_workspace_id().hex or not slash or len(name) != 32 or not name.isalnum():
        raise ForeignKeyRefused("This storage key does not belong to the bound workspace.")
