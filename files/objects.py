"""How do the bytes of files lie in an object store that speaks S3?

Django's storage interface over django-storages, in which whatever the store or the line to it refuses is an `OSError`, as on a
disk: `files/storage.py` need not know which of the two it is. Nothing here gives an address away: bytes leave through our gate.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, NoReturn

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from accounts.waiting import give_connections_back

# Seconds for a connection and for a silence, and how often a request is tried: a store that hangs holds a thread no longer.
CONNECT_SECONDS, SILENCE_SECONDS, TRIES = 5, 30, 3
# The same for whoever only asks whether it is there: a page or a probe waits for that.
LOOK_SECONDS = 2
# What one request fetches: little at first, since many want the beginning only, then more. Between two of them a slow reader
# holds no connection to the store, and a line that drops costs one piece.
FIRST_PIECE, LARGEST_PIECE = 256 * 1024, 4 * 1024 * 1024
MISSING: Final = 404

# A session makes one client at a time.
_making = threading.Lock()


class ObjectStorage(S3Storage):  # type: ignore[misc]  # django-storages ships no types
    """Private objects, under the very names that `files.storage` makes."""

    def __init__(self, **options: Any) -> None:
        style = options.pop("addressing")
        super().__init__(
            **options,
            client_config=Config(
                signature_version="s3v4",
                s3={"addressing_style": style},
                connect_timeout=CONNECT_SECONDS,
                read_timeout=SILENCE_SECONDS,
                retries={"total_max_attempts": TRIES, "mode": "standard"},
                max_pool_connections=50,
                # Sums that only the newest stores understand; TLS guards the way, and a file's own SHA-256 is known.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
            # A file has at most 50 MB, and the worker's and web server's own threads are enough.
            transfer_config=TransferConfig(use_threads=False),
            file_overwrite=True,  # a key is random, so nobody's object has it; asking first would be a request more
            querystring_auth=True,
            gzip=False,
        )
        self._resource: Any = None
        self._hasty: Any = None

    @property
    def connection(self) -> Any:
        """One for all threads: of it only the client is used, which may be shared. One a thread took a tenth of a second each."""
        with _making:
            if self._resource is None:
                self._resource = _session(self.access_key, self.secret_key).resource("s3", **self._place())
            return self._resource

    def _place(self, **changed: Any) -> dict[str, Any]:
        config = self.client_config.merge(Config(**changed))
        return {"region_name": self.region_name, "endpoint_url": self.endpoint_url, "config": config}

    def look(self) -> None:
        """Ask once, briefly, whether it is there and lets us in. Raises `OSError`."""
        with _as_disk():
            self._brief().list_objects_v2(
                Bucket=self.bucket_name, MaxKeys=1, Prefix=f"{self.location}/" if self.location else ""
            )

    def _brief(self) -> Any:
        """A client that waits for a moment only."""
        with _making:
            if self._hasty is None:
                waits = {"connect_timeout": LOOK_SECONDS, "read_timeout": LOOK_SECONDS}
                place = self._place(**waits, retries={"total_max_attempts": 1})
                self._hasty = _session(self.access_key, self.secret_key).client("s3", **place)
            return self._hasty

    def fetch(self, key: str, first: int, length: int) -> bytes:
        """Some bytes of an object. Raises `OSError`."""
        with _as_disk():
            client = self.connection.meta.client
            answer = client.get_object(Bucket=self.bucket_name, Key=key, Range=f"bytes={first}-{first + length - 1}")
            return bytes(answer["Body"].read())

    def exists(self, name: str) -> bool:
        """Is there such an object?"""
        with _as_disk():
            return bool(super().exists(name))

    def delete(self, name: str) -> None:
        """Remove it; one that is not there is already what was wanted."""
        with _as_disk():
            super().delete(name)

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        """The names below a name."""
        with _as_disk():
            folders, names = super().listdir(name)
            return folders, names

    def url(self, *arguments: object, **options: object) -> NoReturn:
        """There is none: an address that opens by itself would be a way past who may read the file."""
        raise NotImplementedError("Files have no address of their own. They leave through files/delivery.py.")

    def _open(self, name: str, mode: str = "rb") -> ObjectReader:
        if mode != "rb":
            raise NotImplementedError("An object is written whole, by save().")
        key = self._normalize_name(clean_name(name))
        client = self.connection.meta.client
        try:
            with _as_disk():
                size = client.head_object(Bucket=self.bucket_name, Key=key)["ContentLength"]
        except FileNotFoundError:
            # The answer is the same where the whole bucket is not there; then no file is lost, and none is to be refused.
            self.look()
            raise
        return ObjectReader(self, key, size)

    def _save(self, name: str, content: Any) -> str:
        with _as_disk():
            return str(super()._save(name, content))


class ObjectReader(io.RawIOBase):
    """An object as a file that can be read from anywhere. It fetches pieces, and nothing before somebody reads."""

    def __init__(self, storage: ObjectStorage, key: str, size: int) -> None:
        super().__init__()
        self._storage, self._key, self._size = storage, key, size
        self._place, self._piece = 0, FIRST_PIECE
        self._begins, self._bytes = 0, b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go there; nothing is fetched."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(start + offset, 0)
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what is at hand, fetching a piece where nothing is."""
        wanted = min(len(buffer), self._size - self._place)
        if wanted <= 0:
            return 0
        inside = self._place - self._begins
        if not 0 <= inside < len(self._bytes):
            length = min(max(self._piece, 1), self._size - self._place)
            self._bytes, self._begins, inside = self._storage.fetch(self._key, self._place, length), self._place, 0
            self._piece = min(self._piece * 4, LARGEST_PIECE)
        found = self._bytes[inside : inside + wanted]
        if not found:
            raise OSError("The object is shorter than the store said.")
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)


@cache
def _session(key: str | None, secret: str | None) -> boto3.Session:
    """It knows how to speak S3, which takes a tenth of a second to load."""
    return boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret)


@contextmanager
def _as_disk() -> Iterator[None]:
    # It may say nothing for a minute and more, and every page needs the connections that are waited with.
    give_connections_back()
    try:
        yield
    except ClientError as error:
        # The words of the store may name bucket and key; who reads the log needs the kind.
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        kind = str(error.response.get("Error", {}).get("Code", ""))
        if status == MISSING and kind != "NoSuchBucket":
            raise FileNotFoundError(f"The object store has no such object ({kind}).") from error
        raise OSError(f"The object store refused: {kind}.") from error
    except (BotoCoreError, Boto3Error) as error:
        raise ConnectionError(f"The object store cannot be reached: {type(error).__name__}.") from error
