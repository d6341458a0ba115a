"""What does this WorkOS answer to those who hold its server key: people, organisations, memberships, keys, events?"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.workos import shapes
from tests.workos.authenticate import Refused
from tests.workos.shapes import Json
from tests.workos.world import Invitation, Key, Person, World, new_id


@dataclass(frozen=True)
class Asked:
    """One request: the world, the parts of its path, its query and its body."""

    world: World
    parts: tuple[str, ...]
    query: dict[str, str]
    body: Json


def _missing(what: str) -> Refused:
    return Refused(404, {"message": f"{what} not found.", "code": "entity_not_found", "entity_id": ""})


def _person(asked: Asked) -> Person:
    person = asked.world.people.get(asked.parts[0])
    if person is None:
        raise _missing("User")
    return person


def get_user(asked: Asked) -> Json:
    return shapes.person(_person(asked))


def list_users(asked: Asked) -> Json:
    email = asked.query.get("email")
    return shapes.page([shapes.person(one) for one in asked.world.people.values() if email in (None, one.email)])


def update_user(asked: Asked) -> Json:
    person = _person(asked)
    person.password = asked.body.get("password", person.password)
    return shapes.person(person)


def list_sessions(asked: Asked) -> Json:
    return shapes.page([shapes.session(one) for one in asked.world.sessions_of(_person(asked).id)])


def revoke_session(asked: Asked) -> None:
    if not asked.world.end_session(str(asked.body.get("session_id"))):
        raise _missing("Session")


def list_memberships(asked: Asked) -> Json:
    statuses = frozenset(asked.query.get("statuses", "active").split(","))
    rows = [
        shapes.membership(one, asked.world.people[one.user_id], asked.world.organizations[one.organization_id].name)
        for one in asked.world.memberships.values()
        if asked.query.get("user_id") in (None, one.user_id)
        and asked.query.get("organization_id") in (None, one.organization_id)
        and one.status in statuses
    ]
    return shapes.page(rows)


def get_organization(asked: Asked) -> Json:
    organization = asked.world.organizations.get(asked.parts[0])
    if organization is None:
        raise _missing("Organization")
    return shapes.organization(organization)


def list_organizations(asked: Asked) -> Json:
    wanted = asked.query.get("domains")
    return shapes.page(
        [
            shapes.organization(one)
            for one in asked.world.organizations.values()
            if wanted is None or set(wanted.split(",")) & set(one.domains)
        ]
    )


def create_user_key(asked: Asked) -> Json:
    person = _person(asked)
    organization = str(asked.body.get("organization_id"))
    if not any(one.organization_id == organization for one in asked.world.memberships_of(person.id)):
        raise Refused(422, {"message": "No active membership there.", "code": "organization_membership_not_found"})
    value = f"sk_test_{secrets.token_hex(20)}"
    name, expires_at = str(asked.body.get("name")), asked.body.get("expires_at")
    key = Key(new_id("api_key"), value, name, "user", person.id, organization, expires_at)
    asked.world.keys[key.id] = key
    return shapes.key(key, with_value=True)


def validate_key(asked: Asked) -> Json:
    value, now = asked.body.get("value"), shapes.stamp()
    for key in asked.world.keys.values():
        is_over = key.expires_at is not None and key.expires_at <= now
        if key.value == value and key.is_live and not is_over and _may_use(asked.world, key):
            return {"api_key": shapes.key(key)}
    return {"api_key": None}


def _may_use(world: World, key: Key) -> bool:
    # An inactive member's key says nothing any more.
    places = world.memberships_of(key.user_id or "")
    return key.owner != "user" or any(one.organization_id == key.organization_id for one in places)


def delete_key(asked: Asked) -> None:
    key = asked.world.keys.get(asked.parts[0])
    if key is None or not key.is_live:
        raise _missing("API key")
    asked.world.end_key(key)


def enrol_factor(asked: Asked) -> Json:
    person = _person(asked)
    factor = asked.world.factor_of(person)
    challenge_id = new_id("auth_challenge")
    asked.world.challenges[challenge_id] = factor.id
    return {
        "authentication_factor": shapes.factor(factor, with_secret=True, email=person.email),
        "authentication_challenge": shapes.challenge(challenge_id, factor.id),
    }


def challenge_factor(asked: Asked) -> Json:
    if asked.parts[0] not in asked.world.factors:
        raise _missing("Factor")
    challenge_id = new_id("auth_challenge")
    asked.world.challenges[challenge_id] = asked.parts[0]
    return shapes.challenge(challenge_id, asked.parts[0])


def _shown(asked: Asked, invitation: Invitation) -> Json:
    return shapes.invitation(invitation, page=asked.world.invitation_page)


def _invitation(asked: Asked) -> Invitation:
    invitation = asked.world.invitations.get(asked.parts[0])
    if invitation is None:
        raise _missing("Invitation")
    return invitation


def _open_invitation(asked: Asked) -> Invitation:
    invitation = _invitation(asked)
    if asked.world.open_invitation(invitation.token) is None:
        raise Refused(400, {"message": "The invitation is not pending.", "code": "invitation_not_pending"})
    return invitation


def send_invitation(asked: Asked) -> Json:
    world, body = asked.world, asked.body
    email, place, role = str(body["email"]).lower(), body.get("organization_id"), body.get("role_slug")
    if "@" not in email:
        raise Refused(422, {"message": "Validation failed", "errors": [{"field": "email", "code": "email_required"}]})
    if place is not None and place not in world.organizations:
        raise _missing("Organization")
    if role is not None and role not in world.roles:
        raise Refused(404, {"message": f"Role not found: '{role}'.", "code": "entity_not_found", "entity_id": role})
    person = world.person_with(email)
    if person and any(one.organization_id == place for one in world.memberships_of(person.id)):
        raise Refused(400, {"message": "The user is a member already.", "code": "user_already_organization_member"})
    if any(
        one.email == email and one.organization_id == place and one.state == "pending"
        for one in world.invitations.values()
    ):
        raise Refused(400, {"message": "Invited already.", "code": "duplicate_invitation"})
    days = int(body.get("expires_in_days", 7))
    if not 1 <= days <= 30:
        raise Refused(422, {"message": "expires_in_days must be between 1 and 30.", "code": "invalid"})
    organization = world.organizations[place] if place else None
    until, inviter = time.time() + days * 86_400, body.get("inviter_user_id")
    made = world.invite(email, organization, role=role, inviter_id=inviter)
    made.until = until
    return _shown(asked, made)


def list_invitations(asked: Asked) -> Json:
    email, place = asked.query.get("email"), asked.query.get("organization_id")
    rows = [
        _shown(asked, one)
        for one in reversed(asked.world.invitations.values())
        if email in (None, one.email) and place in (None, one.organization_id)
    ]
    return shapes.page(rows)


def get_invitation(asked: Asked) -> Json:
    return _shown(asked, _invitation(asked))


def find_invitation(asked: Asked) -> Json:
    for one in asked.world.invitations.values():
        if one.token == asked.parts[0]:
            return _shown(asked, one)
    raise _missing("Invitation")


def accept_invitation(asked: Asked) -> Json:
    invitation = _open_invitation(asked)
    person = asked.world.person_with(invitation.email)
    if person is None:
        raise _missing("User")
    asked.world.accept(invitation, person)
    return _shown(asked, invitation)


def resend_invitation(asked: Asked) -> Json:
    invitation = _open_invitation(asked)
    return _shown(asked, invitation)


def revoke_invitation(asked: Asked) -> Json:
    invitation = _open_invitation(asked)
    asked.world.withdraw(invitation)
    return _shown(asked, invitation)


def list_events(asked: Asked) -> Json:
    wanted = set(asked.query["events"].split(","))
    rows = [one for one in asked.world.events if one["event"] in wanted]
    after = asked.query.get("after")
    if after:
        places = [place for place, one in enumerate(rows) if one["id"] == after]
        if not places:
            raise Refused(400, {"message": "The cursor is not known.", "code": "invalid_cursor"})
        rows = rows[places[0] + 1 :]
    limit = int(asked.query.get("limit", "10"))
    return shapes.page(rows[:limit], after=rows[limit - 1]["id"] if len(rows) > limit else None)


_USER = r"/user_management/users/([^/]+)"
_INVITATION = "/user_management/invitations"
PLAIN: list[tuple[str, str, str, Callable[[Asked], Any]]] = [
    (_USER, "GET", "users", get_user),
    (_USER, "PUT", "users", update_user),
    (r"/user_management/users", "GET", "users", list_users),
    (rf"{_USER}/sessions", "GET", "sessions", list_sessions),
    (r"/user_management/sessions/revoke", "POST", "revoke", revoke_session),
    (r"/user_management/organization_memberships", "GET", "memberships", list_memberships),
    (r"/organizations/([^/]+)", "GET", "organizations", get_organization),
    (r"/organizations", "GET", "organizations", list_organizations),
    (rf"{_USER}/api_keys", "POST", "keys", create_user_key),
    (r"/api_keys/validations", "POST", "validations", validate_key),
    (r"/api_keys/([^/]+)", "DELETE", "keys", delete_key),
    (rf"{_USER}/auth_factors", "POST", "factors", enrol_factor),
    (r"/auth/factors/([^/]+)/challenge", "POST", "factors", challenge_factor),
    (r"/user_management/invitations", "POST", "invitations", send_invitation),
    (r"/user_management/invitations", "GET", "invitations", list_invitations),
    (rf"{_INVITATION}/([^/]+)", "GET", "invitations", get_invitation),
    (rf"{_INVITATION}/by_token/([^/]+)", "GET", "invitations", find_invitation),
    (rf"{_INVITATION}/([^/]+)/accept", "POST", "invitations", accept_invitation),
    (rf"{_INVITATION}/([^/]+)/resend", "POST", "invitations", resend_invitation),
    (rf"{_INVITATION}/([^/]+)/revoke", "POST", "revoke", revoke_invitation),
    (r"/events", "GET", "events", list_events),
]
