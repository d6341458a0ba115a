"""What follows from a fact about a file? Whatever was taken in is handed to a job, in the same transaction."""

from django.dispatch import receiver

from accounts.jobs import enqueue
from files import jobs, signals
from files.models import File


@receiver([signals.file_uploaded, signals.file_requeued], sender=File, dispatch_uid="files.receivers.read_it")
def read_it(sender: type[File], target: File, **facts: object) -> None:
    """Enqueue the reading of a file; committed with the row, so neither is ever without the other."""
    enqueue(jobs.read, file_id=str(target.pk))
