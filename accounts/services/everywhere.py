"""How does every workspace of a person hear what happened to their account, which belongs to none of them?

A password that was reset or a recovery code that was used concerns each workspace that the person can enter. Each trail
is told in a transaction of its own, bound as that member: one transaction never holds two workspaces.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import transaction

from accounts.http import Tenant
from accounts.models import Membership
from accounts.queries import places_of
from accounts.tenancy.context import workspace

Tell = Callable[[Tenant, Membership], None]


def tell(provider: str, subject: str, say: Tell, *, method: str, besides: UUID | None = None) -> int:
    """Call ``say`` in every workspace that this identity may enter, but ``besides``; returns in how many."""
    places = [place for place in places_of(provider, subject) if place.workspace_id != besides]
    for place in places:
        with workspace(place.workspace_id, place.membership_id), transaction.atomic():
            member = Membership.objects.get(pk=place.membership_id)
            # No session or key: what speaks for the person is a link or a code.
            actor = place.tenant(method=method, display_name=member.display_name, email=member.email)
            say(actor, member)
    return len(places)
