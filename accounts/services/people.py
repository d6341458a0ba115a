"""How does an installation get its first people, before there is anybody who could invite them?

By somebody at the server's own terminal, who holds the owner's database role; no request comes here. The application's
role cannot write users, workspaces or memberships at all: a membership that injected SQL could write would be a way in.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_domain_name
from django.db import connections, transaction
from django.utils.text import slugify

from accounts.identity import providers
from accounts.identity.local import EmailTaken
from accounts.models import Domain, IdentityLink, Membership, Role, User, Workspace
from accounts.signals import organization_connected_here, person_added
from accounts.tenancy.context import whole_workspace

OWNER = "owner"  # the database role that owns the tables
LONGEST_NAME = 120  # characters, of a person and of a workspace
LONGEST_STEM = 50  # of a short name, which leaves room for the number that makes it the only one
# Two terminals at once would both find that there is no workspace of a name, and make two.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('accounts.people', 0))"


class AlreadyThere(Exception):
    """The person is what they were to become; the message says what."""


class UnfitName(Exception):
    """A name that cannot be given to a person or a workspace; the message says why."""


class NotConnected(Exception):
    """The workspace was connected to no organisation; the message says why."""


@dataclass(frozen=True, slots=True)
class Added:
    """Who was added, and whether the password is a new one (somebody who is known already keeps theirs)."""

    user_id: UUID
    has_new_password: bool
    made_workspace: bool = False


def add_member(*, email: str, name: str, password: str, workspace: str, role: Role) -> Added:
    """Add a person to a workspace, which is made if there is none of that very name.

    Raises ``AlreadyThere``, ``UnfitName``, ``WeakPassword``.
    """
    name = _fit(name, "person")
    with transaction.atomic(using=OWNER):
        place, is_new_place = _place(_fit(workspace, "workspace"))
        user = _user(email, name)
        with whole_workspace(place.pk):
            found, is_new = Membership.objects.using(OWNER).get_or_create(
                user_id=user.pk, defaults={"role": role, "display_name": name, "email": email}
            )
        if not is_new:
            raise AlreadyThere(f"{email} is {found.get_role_display().lower()} in {place.name} already.")
        has_new_password = _account(user, password, context=(name, workspace))
        person_added.send(sender=Membership, user_id=user.pk, workspace_id=place.pk, role=role.value)
    return Added(user.pk, has_new_password, made_workspace=is_new_place)


def add_operator(*, email: str, name: str, password: str) -> Added:
    """Let a person run the installation. Raises ``AlreadyThere``, ``UnfitName``, ``WeakPassword``."""
    name = _fit(name, "person")
    with transaction.atomic(using=OWNER):
        user = _user(email, name)
        if user.is_operator:
            raise AlreadyThere(f"{email} is an operator already.")
        user.is_operator = True
        user.save(using=OWNER, update_fields=["is_operator"])
        has_new_password = _account(user, password, context=(name,))
        person_added.send(sender=User, user_id=user.pk, workspace_id=None, role="operator")
    return Added(user.pk, has_new_password)


def connect_organization(*, workspace: str, organization: str, domains: Sequence[str]) -> None:
    """Let a workspace trust an organisation's sign-in for people of these domains. Raises ``NotConnected``."""
    names = sorted({domain.strip().lower() for domain in domains})
    if not organization or len(organization) > LONGEST_NAME or organization.split() != [organization]:
        raise NotConnected(
            f"“{organization}” is no id of an organisation. WorkOS shows it as org_ and letters and digits."
        )
    for name in names:
        try:
            validate_domain_name(name)
        except ValidationError as error:
            raise NotConnected(f"“{name}” is no domain. Write it as in an e-mail address, behind the @.") from error
    with transaction.atomic(using=OWNER):
        # By the whole name: another company's may look the same once it is cut down to letters and digits.
        place = Workspace.objects.using(OWNER).filter(name=workspace).first()
        if place is None:
            raise NotConnected(f"There is no workspace {workspace}.")
        holder = Workspace.objects.using(OWNER).filter(organization_id=organization).exclude(pk=place.pk).first()
        if holder is not None:
            raise NotConnected(f"{organization} is connected to {holder.name} already.")
        place.organization_id = organization
        place.save(using=OWNER, update_fields=["organization_id"])
        with whole_workspace(place.pk):
            Domain.objects.using(OWNER).all().delete()
            for name in names:
                Domain(name=name).save(using=OWNER, force_insert=True)
        organization_connected_here.send(
            sender=Workspace, workspace_id=place.pk, organization=organization, domains=names
        )


def _fit(name: str, whose: str) -> str:
    """Return the name as it is kept; raise where it is empty, longer than its column or not what it seems."""
    name = " ".join(name.split())
    if not name:
        raise UnfitName(f"The {whose} needs a name.")
    if len(name) > LONGEST_NAME:
        raise UnfitName(f"The name of the {whose} has {len(name)} characters. Use at most {LONGEST_NAME}.")
    if not name.isprintable():
        # A mark that turns text around would show one workspace as another.
        raise UnfitName(f"The name of the {whose} holds a character that cannot be seen. Type it anew.")
    return name


def _place(name: str) -> tuple[Workspace, bool]:
    """Return the workspace of this name, and whether it was made here.

    Only the whole name says which one is meant. The short name cannot: "C++ Works" and "C# Works" have the same, and names
    without Latin letters have none, so the second company's owner would become an owner of the first one's workspace.
    """
    places = Workspace.objects.using(OWNER)
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME)
    found = places.filter(name=name).first()
    if found is not None:
        return found, False
    other = places.filter(name__iexact=name).first()
    if other is not None:
        # A slip or another company: whoever types it knows, and we do not.
        raise AlreadyThere(
            f"There is a workspace {other.name} already. Type its name exactly so, or choose another name."
        )
    return places.create(name=name, slug=_slug(name)), True


def _slug(name: str) -> str:
    """Return a short name that no workspace has, for operators to look for."""
    stem = slugify(name)[:LONGEST_STEM].strip("-") or "workspace"
    taken = set(Workspace.objects.using(OWNER).filter(slug__startswith=stem).values_list("slug", flat=True))
    numbered = (f"{stem}-{number}" for number in itertools.count(2))
    return stem if stem not in taken else next(slug for slug in numbered if slug not in taken)


def _user(email: str, name: str) -> User:
    user = User.objects.using(OWNER).filter(email__iexact=email).first()
    return user or User.objects.using(OWNER).create(email=email, display_name=name)


def _account(user: User, password: str, *, context: tuple[str, ...]) -> bool:
    """Give the person an account in the local store, unless they have one; True if the password is the new one."""
    links = IdentityLink.objects.using(OWNER)
    if links.filter(user=user).exists():
        return False
    try:
        proof = providers.LOCAL.create_account(email=user.email, password=password, context=context)
    except EmailTaken as error:
        # An account that nobody is linked to: left by an attempt that failed half-way. It is not handed to whoever asks.
        raise AlreadyThere(
            f"The identity store knows {user.email} already, as somebody who is no person here."
        ) from error
    links.create(user=user, provider=proof.identity.provider, subject=proof.identity.subject)
    return True
