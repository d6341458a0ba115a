"""What follows for conversations that are shared when a member goes? They end to be."""

from __future__ import annotations

from django.dispatch import receiver

from accounts import signals
from accounts.http import Tenant
from accounts.models import Membership
from conversations.sharing import services


@receiver(
    [signals.member_removed, signals.member_left], sender=Membership, dispatch_uid="conversations.sharing.receivers.end"
)
def end_sharing(sender: type[Membership], actor: Tenant, target: Membership, **facts: object) -> None:
    """In the transaction of the removal: nobody reads on, on either side."""
    services.end_with(target.pk, actor=actor)


@receiver(
    signals.directory_followed, sender=Membership, dispatch_uid="conversations.sharing.receivers.end_by_directory"
)
def end_what_the_directory_left(sender: type[Membership], target: Membership, effect: str, **facts: object) -> None:
    """The same where the company's directory took somebody out."""
    if effect == "removed":
        services.end_with(target.pk, actor=None)
