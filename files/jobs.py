"""Which work on files happens after the answer was sent? Reading them, as the member who uploaded them."""

from uuid import UUID

from accounts.http import Tenant
from accounts.jobs import RetryLater, before_work, job
from files import services
from files.embedding import embed
from files.extraction import ReadingInterrupted
from files.refusals import SENTENCES, Reason
from files.scanning import ScannerUnavailable
from files.storage import StorageUnavailable


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
    try:
        services.read(actor=tenant, file_id=UUID(file_id))
    except (ReadingInterrupted, StorageUnavailable, ScannerUnavailable) as later:
        raise RetryLater(str(later)) from later


@job("files.forget_bytes", serial="key", lanes=1)
def forget_bytes(tenant: Tenant, key: str) -> None:
    """Remove bytes that were out of reach when their row went."""
    try:
        services.forget_bytes(key=key)
    except StorageUnavailable as unavailable:
        raise RetryLater(str(unavailable)) from unavailable


@before_work
def load_the_model() -> None:
    """Load the embedding model as the worker starts: the first question of the day would wait two seconds for it."""
    embed(["ready"])
