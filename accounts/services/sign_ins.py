"""How does a right password become a session in exactly one workspace?

1. ``prove``: the identity system verifies the password. 2. The platform says where this identity may enter. 3. One place:
``open_at``. Several: ``begin_choice``, and the person says which; never a default workspace (incident L45).
The identity half of a session is written first: alone it opens nothing, so a failure between the two lets nobody in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.http import Tenant
from accounts.identity import providers, tokens
from accounts.identity.base import PENDING, BadCredentials, Client, Identity, OrganizationChoice, Proof, Revoked
from accounts.identity.store.models import StoreSession
from accounts.models import Membership, Session
from accounts.queries import Place, places_of
from accounts.services import sessions
from accounts.signals import signed_in
from accounts.tenancy.context import workspace

CHOICE_SECONDS = 600  # how long a person may take to say which workspace


@dataclass(frozen=True, slots=True)
class Opened:
    """A session at the one moment when its token is known."""

    token: str
    tenant: Tenant
    expires_at: datetime


class NoPlace(Exception):
    """The proof was right, and there is no workspace that this person may enter now."""


def prove(*, email: str, password: str, client: Client, reserve: Callable[[], None]) -> Proof:
    """Have the password verified by whom settings choose. Raises ``BadCredentials``, ``throttling.Throttled`` (from ``reserve``),
    ``Unavailable``, and what a provider may ask besides: ``EmailUnverified``, ``MfaRequired``, ``SsoRequired``.
    """
    try:
        return providers.for_passwords().authenticate_password(
            email=email, password=password, client=client, reserve=reserve
        )
    except OrganizationChoice as choice:
        # Which workspace is a question that we ask anyway; the answer tells the organisation.
        return undecided(choice, method="password")


def undecided(choice: OrganizationChoice, *, method: str) -> Proof:
    """A proof that lacks only the organisation: good for the choice of a place, and finished by it (``open_at``)."""
    identity = Identity(
        provider=providers.WORKOS,
        subject=choice.subject,
        session_id="",
        email=choice.email,
        email_verified=False,
        method=method,
        expires_at=None,
    )
    return Proof(identity, kept={PENDING: choice.pending})


def places(identity: Identity) -> list[Place]:
    """Where this identity may enter. Raises ``NoPlace`` if nowhere.

    A proof that names an organisation is good for that organisation's workspace and for no other, and a company's sign-in that
    names none for no organisation's: what the person's employer here does not run must not open this one's door.
    """
    found = places_of(identity.provider, identity.subject)
    if identity.organization_id is not None or identity.method == "sso":
        found = [place for place in found if place.organization_id == identity.organization_id]
    # A workspace that insists on single sign-on does not exist for somebody who proved themselves in another way (L30).
    found = [place for place in found if not place.requires_sso or identity.method == "sso"]
    if not found:
        raise NoPlace
    return found


def open_at(place: Place, *, proof: Proof, client: Client, since: datetime | None = None) -> Opened:
    """Open both halves of a session in this workspace, as this member.

    ``since`` is when the person proved who they are, if it was not just now: a session that follows from another one is
    neither fresher than that one nor ends later. Where the workspace has an organisation, a provider that knows
    organisations has to vouch for the person there: raises ``BadCredentials`` if it does not.
    """
    if place.requires_sso and proof.identity.method != "sso":
        # Whatever led here: an invitation, a choice that was left open, a switch from another workspace (L30).
        raise BadCredentials
    token, now = tokens.new_token(), timezone.now()
    provider = providers.named(proof.identity.provider)
    if place.organization_id is not None:
        proof = provider.within(proof, organization_id=place.organization_id)
    elif PENDING in proof.kept:
        # The provider finishes it for an organisation of theirs alone, and one organisation's word opens no place that trusts none.
        raise BadCredentials
    signed_in_at = since or now
    expires_at = signed_in_at + timedelta(seconds=settings.SIGN_IN_SECONDS)
    identity = provider.open_session(
        proof, token=token, client=client, lifetime=int((expires_at - now).total_seconds())
    )
    with workspace(place.workspace_id, place.membership_id), transaction.atomic():
        session = Session(
            membership_id=place.membership_id,
            token_hash=tokens.platform_hash(token),
            provider=identity.provider,
            subject=identity.subject,
            identity_session=identity.session_id,
            method=identity.method,
            address=client.address or None,
            user_agent=client.user_agent[:300],
            signed_in_at=signed_in_at,
            last_seen_at=now,
            idle_until=now + timedelta(seconds=settings.SIGN_IN_IDLE_SECONDS),
            expires_at=expires_at,
        )
        session.save(force_insert=True)
        member = Membership.objects.get(pk=place.membership_id)
        tenant = place.tenant(
            method=session.method, credential_id=session.pk, display_name=member.display_name, email=member.email
        )
        signed_in.send(sender=Session, actor=tenant, target=session)
    return Opened(token, tenant, session.expires_at)


def switch(*, actor: Tenant, token: str, membership_id: UUID, client: Client) -> Opened:
    """Go on into another workspace of the person with a session of its own; the one that asks ends.

    The new one is as fresh as the old: going to and fro must not make a stale sign-in recent. Raises ``BadCredentials`` for a
    place that is not theirs, ``Revoked``, ``Unavailable``.
    """
    known = behind(actor=actor, token=token)
    found = places_of(known.identity.provider, known.identity.subject)
    chosen = next((place for place in found if place.membership_id == membership_id), None)
    if chosen is None:
        # An id from somewhere else, or of a membership that ended while the page was open.
        raise BadCredentials
    return go_on(chosen, known=known, actor=actor, token=token, client=client)


@dataclass(frozen=True, slots=True)
class Behind:
    """What the identity system says of the person behind a session, and when they proved it."""

    identity: Identity
    since: datetime


def behind(*, actor: Tenant, token: str) -> Behind:
    """Who is behind a session of theirs. Raises ``Revoked``, ``Unavailable``."""
    with workspace(actor.workspace_id, actor.membership_id):
        session = sessions.current(actor)
    return Behind(providers.named(session.provider).verify_session(token), session.signed_in_at)


def go_on(place: Place, *, known: Behind, actor: Tenant, token: str, client: Client) -> Opened:
    """Open a session at the place on the strength of the actor's own, which ends. Raises ``BadCredentials``, ``Revoked``, ``Unavailable``."""
    if place.requires_sso and known.identity.method != "sso":
        # Asked before anything ends: the person stays where they are.
        raise BadCredentials
    proof = providers.named(known.identity.provider).move_session(token, organization_id=place.organization_id)
    opened = open_at(place, proof=proof, client=client, since=known.since)
    with dropped_on_failure(opened), workspace(actor.workspace_id, actor.membership_id):
        sessions.switched(actor=actor)
    return opened


@contextmanager
def dropped_on_failure(opened: Opened) -> Iterator[None]:
    """Do what has to follow before somebody is handed their session; where that fails nobody is, and it must not stay.

    It would stand among those of the person, as a browser that they do not know.
    """
    try:
        yield
    except Exception:
        providers.drop(opened.token)
        raise


def begin_choice(proof: Proof, *, client: Client) -> str:
    """Remember a proof for as long as the person chooses a workspace; returns the token for their cookie."""
    token = tokens.new_token()
    providers.named(proof.identity.provider).open_session(
        proof, token=token, client=client, lifetime=CHOICE_SECONDS, purpose=StoreSession.Purpose.CHOOSING
    )
    return token


def choices(token: str) -> tuple[Identity, list[Place]]:
    """Who is choosing, and between what. Raises ``Revoked`` for a token that is none, or over; ``NoPlace``."""
    identity = _chooser(token)
    return identity, places(identity)


def finish_choice(token: str, *, membership_id: UUID, client: Client) -> Opened:
    """Open the session at the chosen place; the choice is used up. Raises ``BadCredentials`` for a place that is not theirs."""
    identity, found = choices(token)
    chosen = next((place for place in found if place.membership_id == membership_id), None)
    if chosen is None:
        # An id from somewhere else, or of a membership that ended while the page was open.
        raise BadCredentials
    # Of two submits of one form the first one opens the session, and uses the token up.
    return open_at(chosen, proof=providers.named(identity.provider).use_up(identity), client=client)


def _chooser(token: str) -> Identity:
    """Whose choice the token stands for. The provider that remembers it says so; to all others it is unknown."""
    refusals = []
    for provider in providers.configured():
        try:
            return provider.verify_session(token, purpose=StoreSession.Purpose.CHOOSING)
        except Revoked as refusal:
            refusals.append(refusal)
    raise next((refusal for refusal in refusals if refusal.known), refusals[0])
