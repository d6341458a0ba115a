"""What follows from a fact? Whatever file was taken in is handed to a job, in the same transaction; of a workspace that ends no byte stays.

What somebody shared who is no longer a member has an owner who is there.
"""

from uuid import UUID

from django.dispatch import receiver

from accounts.departures import passes_on
from accounts.http import Tenant
from accounts.jobs import enqueue
from accounts.models import Membership, Workspace
from accounts.signals import directory_followed, member_left, member_removed, workspace_erasing
from files import jobs, services, signals, storage
from files.models import File, Visibility


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


@receiver([member_removed, member_left], sender=Membership, dispatch_uid="files.receivers.hand_over")
def hand_over_shared_files(sender: type[Membership], actor: Tenant, target: Membership, **facts: object) -> None:
    """In the transaction of the removal: what everybody reads can be closed and deleted by somebody."""
    services.hand_over(actor=actor, leaver_id=target.pk)


@receiver(directory_followed, sender=Membership, dispatch_uid="files.receivers.hand_over_by_directory")
def hand_over_what_the_directory_left(
    sender: type[Membership], target: Membership, effect: str, **facts: object
) -> None:
    """The same where the company's directory took somebody out."""
    if effect == "removed":
        services.hand_over(actor=None, leaver_id=target.pk)


@passes_on("shared file")
def shared_files_of(member_id: UUID) -> list[str]:
    """The names of the files that the member shares with the workspace."""
    shared = File.objects.filter(owner_id=member_id, visibility=Visibility.WORKSPACE)
    return list(shared.order_by("name", "pk").values_list("name", flat=True))
