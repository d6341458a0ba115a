"""What follows from a fact? Whatever file was taken in is handed to a job, in the same transaction; of a workspace that ends no byte stays."""

from django.dispatch import receiver

from accounts.jobs import enqueue
from accounts.models import Workspace
from accounts.signals import workspace_erasing
from files import jobs, signals, storage
from files.models import File


@receiver([signals.file_uploaded, signals.file_requeued], sender=File, dispatch_uid="files.receivers.read_it")
def read_it(sender: type[File], target: File, **facts: object) -> None:
    """Enqueue the reading of a file; committed with the row, so neither is ever without the other."""
    enqueue(jobs.read, file_id=str(target.pk))


@receiver(signals.bytes_left, sender=File, dispatch_uid="files.receivers.remove_later")
def remove_later(sender: type[File], key: str, **facts: object) -> None:
    """Have bytes that are out of reach removed by a job, which tries again later each time."""
    enqueue(jobs.forget_bytes, key=key)


@receiver(workspace_erasing, sender=Workspace, dispatch_uid="files.receivers.erase_bytes")
def erase_bytes(sender: type[Workspace], **facts: object) -> None:
    """Remove the bytes of every file of the workspace that is bound, and those of files whose row is gone already."""
    storage.erase()
