"""What does a verified request carry, and how is a refusal named?

Everything here is frozen: a view, a template or a piece of request data can read who is asking, and can never change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import Http404, HttpRequest

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from accounts.models import Role


@dataclass(frozen=True, slots=True)
class Tenant:
    """The verified person, workspace and role behind one request or one job.

    Built by one function (`accounts.identity.resolution`) from one credential that both identity systems accepted, or by
    `accounts.jobs` from the member whom a sealed job names. `method` is "password", "sso", "key" or "job";
    `credential_id` is the session's, the key's or, for a job, the membership's id.
    """

    workspace_id: UUID
    workspace_name: str
    user_id: UUID
    membership_id: UUID
    role: Role
    scopes: frozenset[str]
    method: str
    credential_id: UUID
    display_name: str
    email: str


class Reason(StrEnum):
    """The closed list of reasons for which this platform turns a request away. `Refusal.reason` holds one of these words."""

    ANONYMOUS = "anonymous"  # no credential at all
    CREDENTIAL = "credential"  # a credential that one of the two systems does not accept
    TWO_CREDENTIALS = "two_credentials"  # more than one in the same request
    WRONG_DOOR = "wrong_door"  # a cookie at the API, or a key at a page
    RESERVED_NAME = "reserved_name"  # the request tried to say who it is
    CSRF = "csrf"
    ROLE = "role"
    SCOPE = "scope"
    STALE_LOGIN = "stale_login"
    FORBIDDEN = "forbidden"  # any other PermissionDenied
    NOT_FOUND = "not_found"  # missing, or another workspace's: the answer does not say which
    BLOCKED = "blocked"  # the address was shut out by an operator
    THROTTLED = "throttled"
    OUTAGE = "outage"  # an identity system or the database is silent
    CRASH = "server_error"  # our own code failed
    HOST = "host"  # a Host header that is not ours
    MALFORMED = "malformed"
    METHOD = "method"  # one that nothing here answers


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was turned away: what the record says, never what the client is told.

    `action` is dotted ("sign_in.failed", "request.refused"); `severity` is "notice", "warning" or "critical"; `detail` holds
    names and places only, never the values that a client sent. `reached` holds the ids in query, form or body for which the
    request reached without getting them: the record needs them to tell a typo from another workspace's row.
    """

    reason: str
    action: str
    severity: str = "notice"
    detail: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    reached: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request's body was found to hold when it was read: the names at its top level, and its bytes where they were kept."""

    names: tuple[str, ...]
    body: bytes | None


def sent_in(request: HttpRequest) -> Sent | None:
    """What was read of the request's body; None where nothing read it, as when something before it was refused."""
    sent = getattr(request, "sent", None)
    return sent if isinstance(sent, Sent) else None


class NotVisible(Http404):
    """What the request reached for is missing, or somebody else's; the answer is the same 404 for both.

    `ids` says what it was, for the record alone: whether it belongs to another workspace is asked after the answer.
    """

    def __init__(self, ids: Iterable[UUID] = ()) -> None:
        super().__init__()
        self.ids = tuple(ids)

    @classmethod
    def among(cls, values: Iterable[object]) -> NotVisible:
        """The same for what was sent, of which some may be no id and name nothing."""
        found = []
        for value in values:
            with suppress(ValueError):
                found.append(UUID(str(value)))
        return cls(found)


class TenantRequest(HttpRequest):
    """A request that passed `TenantMiddleware`. For annotations: Django makes the object, the middleware adds the attributes."""

    tenant: Tenant
    htmx: HtmxDetails
    refusal: Refusal | None
    csp_nonce: str
    request_id: str


def refuse(request: HttpRequest, refusal: Refusal) -> None:
    """Name the reason for which this request is about to be refused. The first reason stands: later ones are its consequences."""
    if getattr(request, "refusal", None) is None:
        request.refusal = refusal  # type: ignore[attr-defined]  # declared on TenantRequest, which Django does not instantiate


def note_reached(request: HttpRequest, exception: Exception | None) -> None:
    """Name what a request reached for and did not get. Changes nothing of the answer."""
    if isinstance(exception, NotVisible):
        refuse(request, Refusal(Reason.NOT_FOUND, "request.refused", reached=exception.ids))


def tenant_of(request: HttpRequest) -> Tenant | None:
    """The verified tenant of a request, or None where nobody was verified (public views, refusals before resolution)."""
    tenant = getattr(request, "tenant", None)
    return tenant if isinstance(tenant, Tenant) else None
