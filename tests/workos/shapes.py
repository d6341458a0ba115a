"""What do WorkOS's answers look like on the wire? One function for each kind of object, as SDK 10.8.0 reads them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from tests.workos.world import Factor, Invitation, Key, Membership, Organization, Person, Session

Json = dict[str, Any]


def stamp(seconds: float | None = None) -> str:
    """A moment in WorkOS's spelling; now, without one."""
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _times(made: float | None = None) -> Json:
    return {"created_at": stamp(made), "updated_at": stamp()}


def person(one: Person) -> Json:
    return {
        "object": "user",
        "id": one.id,
        "email": one.email,
        "email_verified": one.email_verified,
        "first_name": one.first_name,
        "last_name": None,
        "profile_picture_url": None,
        "external_id": None,
        "last_sign_in_at": None,
        **_times(),
    }


def organization(one: Organization) -> Json:
    return {
        "object": "organization",
        "id": one.id,
        "name": one.name,
        "domains": [
            {
                "object": "organization_domain",
                "id": f"org_domain_{place}_{one.id}",
                "organization_id": one.id,
                "domain": domain,
                "state": state,
                **_times(),
            }
            for place, (domain, state) in enumerate(one.domains.items())
        ],
        "metadata": {},
        "external_id": None,
        **_times(),
    }


def membership(one: Membership, owner: Person, organization_name: str) -> Json:
    return {
        "object": "organization_membership",
        "id": one.id,
        "user_id": one.user_id,
        "organization_id": one.organization_id,
        "organization_name": organization_name,
        "status": one.status,
        "directory_managed": False,
        "role": {"slug": one.role},
        "roles": [{"slug": one.role}],
        "custom_attributes": {},
        "user": person(owner),
        **_times(),
    }


def session(one: Session) -> Json:
    return {
        "object": "session",
        "id": one.id,
        "user_id": one.user_id,
        "organization_id": one.organization_id,
        "status": one.status,
        "auth_method": one.method.lower(),
        "ip_address": one.ip_address,
        "user_agent": one.user_agent,
        "expires_at": stamp(one.begun + 30 * 86_400),
        "ended_at": None if one.status == "active" else stamp(),
        **_times(one.begun),
    }


def key(one: Key, *, with_value: bool = False) -> Json:
    owner: Json = {"type": one.owner, "id": one.user_id or one.organization_id}
    if one.owner == "user":
        owner["organization_id"] = one.organization_id
    shown: Json = {"value": one.value} if with_value else {}
    return {
        "object": "api_key",
        "id": one.id,
        "owner": owner,
        "name": one.name,
        "obfuscated_value": f"sk_…{one.value[-4:]}",
        "last_used_at": None,
        "expires_at": one.expires_at,
        "permissions": [],
        **_times(),
        **shown,
    }


def invitation(one: Invitation, *, page: str = "") -> Json:
    """``page`` is where its link leads; events carry neither link nor token."""
    state = "expired" if one.state == "pending" and one.until <= time.time() else one.state
    secret: Json = {"token": one.token, "accept_invitation_url": f"{page}?invitation_token={one.token}"} if page else {}
    return {
        "object": "invitation",
        "id": one.id,
        "email": one.email,
        "state": state,
        "accepted_at": stamp() if state == "accepted" else None,
        "revoked_at": stamp() if state == "revoked" else None,
        "expires_at": stamp(one.until),
        "organization_id": one.organization_id,
        "inviter_user_id": one.inviter_id,
        "accepted_user_id": one.accepted_by,
        "role_slug": one.role,
        **_times(),
        **secret,
    }


def factor(one: Factor, *, with_secret: bool, email: str = "") -> Json:
    totp: Json = {"issuer": "AiAxis", "user": email}
    if with_secret:
        uri = f"otpauth://totp/AiAxis:{email}?secret={one.secret}&issuer=AiAxis"
        totp |= {"secret": one.secret, "qr_code": "data:image/png;base64,", "uri": uri}
    return {
        "object": "authentication_factor",
        "id": one.id,
        "type": "totp",
        "user_id": one.user_id,
        "totp": totp,
        **_times(),
    }


def challenge(challenge_id: str, factor_id: str) -> Json:
    return {
        "object": "authentication_challenge",
        "id": challenge_id,
        "authentication_factor_id": factor_id,
        **_times(),
    }


def page(rows: list[Json], *, after: str | None = None) -> Json:
    return {"object": "list", "data": rows, "list_metadata": {"before": None, "after": after}}
