"""Which organisation's sign-in does a workspace trust, what does it insist on, and who comes in by themselves?

The organisation is never taken from a form: it is the one whose sign-in the acting owner has just come through, and its own
directory has to say that they run it (L11). The rules stand in the database (accounts/migrations/0011_sign_in_rules.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connections, transaction

from accounts.http import Tenant
from accounts.identity import providers, vault
from accounts.identity.base import BadCredentials, Client, Identity, Proof
from accounts.identity.spelling import email_key
from accounts.identity.store.models import StoreSession
from accounts.models import Domain, Membership, Workspace
from accounts.queries import Place, places_of
from accounts.services import sign_ins
from accounts.services.members import Refused, asked, stop_vouching
from accounts.signals import (
    identity_linked,
    member_joined,
    organization_connected,
    organization_disconnected,
    sign_in_rules_changed,
)
from accounts.tenancy import claims
from accounts.tenancy.context import workspace
from accounts.tenancy.models import new_id

CONNECTING: Final = "organization"
JOINING: Final = "domain"
SSO: Final = "sso"

SENTENCES: Final = {
    "role": "Only an owner of the workspace can change how people sign in, so nothing was changed.",
    "taken": "This organisation is connected to another workspace already. An organisation has one workspace here.",
    "connected": "This workspace is connected to another organisation. Disconnect that one first.",
    "somebody_else": "The account that you signed in with belongs to somebody else here. Sign in there as yourself, then connect again.",
    "not_administrator": "You do not run that organisation, according to its own directory. Ask somebody who does to connect it, or "
    "to make you an administrator there.",
    "no_organization": "The sign-in named no organisation. Sign in through your company’s own sign-in, then connect again.",
    "not_connected": "This workspace is connected to no organisation yet. Connect it first.",
    "sign_in_first": "Sign in by single sign-on yourself first. Otherwise you would be the first one whom this rule locks out.",
    "above": "People can join by themselves as member or viewer, and as nothing above that.",
}


@dataclass(frozen=True, slots=True)
class SignInRules:
    """How people come into a workspace."""

    organization_id: str | None
    domains: list[str]
    requires_sso: bool
    joins_as: str


@dataclass(frozen=True, slots=True)
class Ways:
    """What the sign-in page offers to an address. ``organization_id`` is where its domain's own sign-in is."""

    password: bool
    sso: bool
    organization_id: str = ""


def rules(actor: Tenant) -> SignInRules:
    """The workspace's rules as they are now."""
    place = Workspace.objects.get(pk=actor.workspace_id)
    domains = list(Domain.objects.order_by("name").values_list("name", flat=True))
    return SignInRules(place.organization_id, domains, place.requires_sso, place.joins_as)


def ways(email: str) -> Ways:
    """What somebody with this address may sign in by. Decided by its domain alone: nobody is looked up."""
    if not providers.has_workos():
        return Ways(password=True, sso=False)
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, requires_sso FROM fence.sign_in_of_domain(%s)", [email.rpartition("@")[2]]
        )
        row = cursor.fetchone()
    if row is None:
        return Ways(password=True, sso=True)
    organization_id, requires_sso = row
    return Ways(password=not requires_sso, sso=True, organization_id=organization_id)


def connect(*, actor: Tenant, proof: Proof) -> None:
    """Trust the organisation whose sign-in this proof came from. Raises ``Refused`` with a word of ``SENTENCES``."""
    identity, provider = proof.identity, providers.single_sign_on()
    if identity.organization_id is None:
        raise Refused("no_organization")
    if not provider.administers(identity.subject, organization_id=identity.organization_id):
        raise Refused("not_administrator")
    domains = provider.verified_domains(identity.organization_id)
    sealed = claims.sealed(
        CONNECTING,
        provider=identity.provider,
        subject=identity.subject,
        organization_id=identity.organization_id,
        domains=json.dumps([[str(new_id()), domain] for domain in domains]),
        link_id=str(new_id()),
    )
    with transaction.atomic():
        asked("SELECT fence.connect_organization(%s)", [sealed])
        place = Workspace.objects.get(pk=actor.workspace_id)
        organization_connected.send(
            sender=Workspace,
            actor=actor,
            target=place,
            organization=identity.organization_id,
            domains=list(domains),
        )


def disconnect(*, actor: Tenant) -> None:
    """Trust it no longer: what was insisted on ends with it, and so do the sessions and keys that it vouches for. Raises ``Refused``.

    The session that asks stays, so that an owner who has no password can connect another one.
    """
    with transaction.atomic():
        ended = asked("SELECT fence.disconnect_organization(%s)", [actor.credential_id])
        place = Workspace.objects.get(pk=actor.workspace_id)
        counts = {"sessions": len(ended["sessions"]), "keys": len(ended["keys"])}
        organization_disconnected.send(sender=Workspace, actor=actor, target=place, **counts)
    stop_vouching(ended)


def set_rules(*, actor: Tenant, requires_sso: bool, joins_as: str) -> None:
    """Insist on single sign-on, or not; let people of the domains join as this, or not at all (""). Raises ``Refused``."""
    with transaction.atomic():
        answer = asked("SELECT fence.set_sign_in_rules(%s, %s)", [requires_sso, joins_as])
        # What was refused while it insisted, and has to stay so: named only where the rule is taken back.
        ended = {"sessions": answer.get("sessions", []), "keys": answer.get("keys", [])}
        place = Workspace.objects.get(pk=actor.workspace_id)
        rules = {"requires_sso": requires_sso, "joins_as": joins_as}
        counts = {name: len(credentials) for name, credentials in ended.items()}
        sign_in_rules_changed.send(sender=Workspace, actor=actor, target=place, **rules, **counts)
    stop_vouching(ended)


def enter_by_domain(proof: Proof) -> list[Place]:
    """Where somebody may enter whom nothing but their organisation's verified domain speaks for. Raises ``Refused``.

    A member who was here before the organisation is tied to its sign-in; somebody new joins, where an owner switched that on.
    """
    identity = proof.identity
    if identity.organization_id is None or identity.method != SSO or not identity.email_verified:
        # Somebody else's word for an address of that domain is not the organisation's own (L32).
        raise Refused("no_rule")
    try:
        return _tied(identity)
    except Refused:
        return [_joining_member(identity)]


def _tied(identity: Identity) -> list[Place]:
    with transaction.atomic():
        answer = asked("SELECT fence.link_by_domain(%s)", [_claims(identity)])
        member_id = UUID(answer["membership_id"])
        [place] = [one for one in places_of(identity.provider, identity.subject) if one.membership_id == member_id]
        with workspace(place.workspace_id, place.membership_id):
            member = Membership.objects.get(pk=member_id)
            actor = place.tenant(method=identity.method, display_name=member.display_name, email=identity.email)
            identity_linked.send(sender=Membership, actor=actor, target=member, provider=identity.provider)
    return [place]


def _joining_member(identity: Identity) -> Place:
    """Make a member of somebody new: the one membership that follows from a sign-in, and only where an owner switched that on."""
    with transaction.atomic():
        answer = asked("SELECT fence.join_by_domain(%s)", [_claims(identity)])
        place = Place.answered(answer)
        with workspace(place.workspace_id, place.membership_id):
            actor = place.tenant(method=identity.method, display_name=answer["display_name"], email=identity.email)
            member_joined.send(
                sender=Membership, actor=actor, target=Membership(pk=place.membership_id), role=place.role.value
            )
    return place


def brought(proof: Proof, *, membership: str, client: Client) -> str:
    """The cookie that remembers with what proof an owner came back from their organisation's sign-in, and for which place of theirs."""
    kept = {"token": sign_ins.begin_choice(proof, client=client), "membership": membership}
    return vault.cookie(kept, field=CONNECTING)


def is_waiting(cookie: str, *, actor: Tenant) -> bool:
    """Did this browser bring back a proof for this very workspace and owner?"""
    return _token_of(cookie, actor) is not None


def remembered(cookie: str, *, actor: Tenant) -> Proof:
    """The proof that this browser brought back for the actor, used up by this. Raises ``Revoked``, ``BadCredentials``."""
    token, provider = _token_of(cookie, actor), providers.workos()
    if token is None:
        raise BadCredentials
    return provider.use_up(provider.verify_session(token, purpose=StoreSession.Purpose.CHOOSING))


def _token_of(cookie: str, actor: Tenant) -> str | None:
    try:
        kept = vault.from_cookie(cookie, field=CONNECTING)
    except vault.SealBroken:
        return None
    # Whoever went on into another workspace meanwhile, or signed in here as somebody else, went away for something else.
    return str(kept["token"]) if kept["membership"] == str(actor.membership_id) else None


def _claims(identity: Identity) -> str:
    return claims.sealed(
        JOINING,
        provider=identity.provider,
        subject=identity.subject,
        organization_id=identity.organization_id,
        email=identity.email,
        email_key=email_key(identity.email),
        name=identity.email.partition("@")[0],
        user_id=str(new_id()),
        link_id=str(new_id()),
        membership_id=str(new_id()),
    )
