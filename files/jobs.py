"""Which work on files happens after the answer was sent? Reading them, as the member who uploaded them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Concatenate, ParamSpec
from uuid import UUID

from accounts.http import Tenant
from accounts.jobs import RetryLater, before_work, enqueue_later, job
from files import services, storage
from files.embedding import embed
from files.extraction import ReadingInterrupted
from files.refusals import SENTENCES, Reason
from files.scanning import ScannerAway, ScannerUnavailable
from files.storage import StorageUnavailable

P = ParamSpec("P")

# What waits for the place of files, or for the virus scanner, looks again after so long.
AWAY = timedelta(seconds=30)


def wait_for_storage(
    why: StorageUnavailable, handler: Callable[Concatenate[Tenant, P], None], /, *args: P.args, **arguments: P.kwargs
) -> None:
    """Have a job done when the place where files are kept is there again, however long that takes.

    A job is tried five times within three minutes, which many an outage outlasts: what was to be read would be refused, and bytes
    whose file is gone would stay for ever. Raises `RetryLater` where the place is there, so that what it refuses once and for all ends.
    """
    if not storage.is_away():
        raise RetryLater(str(why)) from why
    enqueue_later(AWAY, handler, *args, **arguments)


@contextmanager
def read_or_put_off(
    handler: Callable[Concatenate[Tenant, P], None], /, *args: P.args, **arguments: P.kwargs
) -> Iterator[None]:
    """Read a file in the block; what waits for the place of files or the scanner is done again by this job. Raises `RetryLater`."""
    try:
        yield
    except StorageUnavailable as away:
        wait_for_storage(away, handler, *args, **arguments)
    except ScannerAway:
        enqueue_later(AWAY, handler, *args, **arguments)
    except (ReadingInterrupted, ScannerUnavailable) as later:
        raise RetryLater(str(later)) from later


def mark_unreadable(tenant: Tenant, file_id: str) -> None:
    """After the last failed attempt the file says so, instead of waiting for ever."""
    services.refuse(
        actor=tenant,
        file_id=UUID(file_id),
        reason=Reason.UNFINISHED,
        sentence=SENTENCES[Reason.UNFINISHED],
    )


# Files that a worker reads at once for one workspace; the other places are for the others.
@job("files.read", serial="file_id", lanes=2, gave_up=mark_unreadable)
def read(tenant: Tenant, file_id: str) -> None:
    """Check, extract and index one file."""
    with read_or_put_off(read, file_id=file_id):
        services.read(actor=tenant, file_id=UUID(file_id))


# Whoever deleted a file may have left before the bytes could go: nobody else would remove them, and no row names them.
@job("files.forget_bytes", serial="key", lanes=1, of_gone=True)
def forget_bytes(tenant: Tenant, key: str) -> None:
    """Remove bytes that were out of reach when their row went."""
    try:
        services.forget_bytes(key=key)
    except StorageUnavailable as away:
        wait_for_storage(away, forget_bytes, key=key)


@before_work
def load_the_model() -> None:
    """Load the embedding model as the worker starts: the first question of the day would wait two seconds for it."""
    embed(["ready"])
