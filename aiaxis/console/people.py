"""Who is a person to the whole installation: where do they belong, how do they come in, and when did they last?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Now

from accounts.identity import providers, second_factors
from accounts.models import ApiKey, IdentityLink, Membership, Session, User
from accounts.operators import across

MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the list."""

    user: User
    places: int
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """A membership, with its credentials that still open something."""

    member: Membership
    sessions: list[Session]
    keys: list[ApiKey]


@dataclass(frozen=True, slots=True)
class Known:
    """What a person's page shows."""

    places: list[Place]
    providers: list[str]
    has_second_factor: bool | None
    last: datetime | None


def searched(words: str) -> QuerySet[User]:
    """The people whose address or name holds the words."""
    found = across(User)
    return found.filter(Q(email__icontains=words) | Q(display_name__icontains=words)) if words else found


def of_page(users: Sequence[User]) -> list[Listed]:
    """Each person with the number of their workspaces and their last sign-in, in two questions for all of them."""
    ids = [user.pk for user in users]
    found = across(Membership).filter(user_id__in=ids).exclude(status=Membership.Status.REMOVED)
    places: dict[UUID, int] = {}
    for user_id in found.values_list("user_id", flat=True):
        places[user_id] = places.get(user_id, 0) + 1
    lasts = _last_sign_ins(ids)
    return [Listed(user, places.get(user.pk, 0), lasts.get(user.pk)) for user in users]


def known(user: User) -> Known:
    """Everything about one person, in six questions."""
    members = list(across(Membership).filter(user_id=user.pk).select_related("workspace").order_by("-pk")[:MOST_ROWS])
    sessions: list[Session] = _live(Session, members, "method", "signed_in_at", "last_seen_at", "idle_until")
    keys: list[ApiKey] = _live(ApiKey, members, "prefix", "created_at", "last_used_at")
    links = list(across(IdentityLink).filter(user_id=user.pk).values_list("provider", "subject"))
    own = [subject for provider, subject in links if provider == providers.LOCAL.name]
    return Known(
        places=[
            Place(
                member,
                [one for one in sessions if one.membership_id == member.pk],
                [one for one in keys if one.membership_id == member.pk],
            )
            for member in members
        ],
        providers=sorted({provider for provider, _ in links}),
        has_second_factor=second_factors.is_on(own[0]) if own else None,
        last=_last_sign_ins([user.pk]).get(user.pk),
    )


def member_of(user_id: UUID, member_id: UUID) -> Membership | None:
    """The membership, if it is this person's."""
    return across(Membership).filter(pk=member_id, user_id=user_id).first()


def _last_sign_ins(ids: list[UUID]) -> dict[UUID, datetime]:
    # Sessions are kept when they are over, so the last one says when somebody came in last.
    rows = across(Session).filter(membership__user_id__in=ids).order_by().values_list("membership__user_id")
    return dict(rows.annotate(last=Max("signed_in_at")))


def _live(model: type[Any], members: Sequence[Membership], *names: str) -> list[Any]:
    """The sessions or keys of these memberships that still open something; only columns that operators may read."""
    rows = across(model).filter(
        # The workspace as well: with it the index of a member's credentials answers.
        Q(expires_at__isnull=True) | Q(expires_at__gt=Now()),
        workspace_id__in={member.workspace_id for member in members},
        membership_id__in=[member.pk for member in members],
        revoked_at__isnull=True,
    )
    return list(rows.only("id", "workspace_id", "membership_id", "expires_at", *names).order_by("-pk")[:MOST_ROWS])
