"""How is one message handed to one channel, and what did the channel say?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.http.request import validate_host

from accounts import mail, outbound
from audit.notices import outbox, sentry, signing, vault, wording
from audit.notices.models import Kind, Message
from audit.notices.outbox import Letter

_OPERATORS: Final = "SELECT id, name, kind, sealed FROM audit_operatorchannel WHERE id = ANY(%s) AND NOT is_paused"
_WORKSPACES: Final = (
    "SELECT id, name, kind, sealed, workspace_id, email FROM fence.channels_of('{}', %s) WHERE NOT is_paused"
)
_OTHER_OPERATORS: Final = "SELECT id FROM audit_operatorchannel WHERE id <> %s AND NOT is_paused"
_OTHERS_OF_WORKSPACE: Final = "SELECT id FROM fence.channels_of(ARRAY[%s], '{}') WHERE id <> %s AND NOT is_paused"
JSON: Final = {"Content-Type": "application/json"}


class Failed(Exception):
    """The channel did not take it. The message is a sentence to show; ``is_final`` when trying again is no use."""

    def __init__(self, sentence: str, *, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Receiver:
    """A channel as it is now. ``workspace_id`` is None for operators' channels."""

    id: UUID
    name: str
    kind: str
    sealed: str
    workspace_id: UUID | None = None
    email: str = ""


def receiver(channel_id: UUID) -> Receiver | None:
    """The channel, if there is one that may be sent something now."""
    with connections[outbox.DATABASE].cursor() as cursor:
        for query in (_OPERATORS, _WORKSPACES):
            cursor.execute(query, [[channel_id]])
            row = cursor.fetchone()
            if row:
                return Receiver(*row)
    return None


def others(channel: Receiver) -> list[UUID]:
    """The other channels of whoever this one belongs to."""
    with connections[outbox.DATABASE].cursor() as cursor:
        if channel.workspace_id is None:
            cursor.execute(_OTHER_OPERATORS, [channel.id])
        else:
            cursor.execute(_OTHERS_OF_WORKSPACE, [channel.workspace_id, channel.id])
        return [other for (other,) in cursor.fetchall()]


def deliver(letter: Letter, channel: Receiver) -> None:
    """Hand the message over. Raises ``Failed``."""
    other = _named(letter.about) if letter.kind == Message.Kind.FAILING and letter.about else ""
    told = wording.notice(letter, is_operators=channel.workspace_id is None, other=other)
    try:
        secrets = vault.opened(channel.sealed, channel.id) if channel.sealed else vault.Secrets("")
    except vault.Unopened as error:
        raise Failed(str(error), is_final=True) from error
    if channel.kind == Kind.EMAIL:
        _mail(told, channel.email or secrets.address, is_operators=channel.workspace_id is None)
    elif channel.kind == Kind.SLACK:
        _post(secrets.address, wording.chat(told), {**JSON, **told.origin.headers()})
    elif channel.kind == Kind.SENTRY:
        _report(told, letter, secrets.address)
    else:
        body = wording.payload(told)
        signed = signing.headers(secrets.signing, message=str(letter.id), at=int(time.time()), body=body)
        _post(secrets.address, body, {**JSON, **signed, **told.origin.headers()})


def is_own(target: outbound.Target) -> bool:
    """Does it lead to this installation itself? What it answered would be recorded, and told, and recorded."""
    public = outbound.parse(settings.PUBLIC_URL)
    names = {name.strip("[]") for name in (*settings.ALLOWED_HOSTS, public.host)} - {"*", ""}
    is_named = validate_host(target.host, names)
    return is_named and target.port in (80, 443, settings.PORT, public.port)


def _named(channel_id: UUID) -> str:
    found = receiver(channel_id)
    return found.name if found else ""


def _mail(told: wording.Notice, to: str, *, is_operators: bool) -> None:
    context = {"notice": told, "subject": wording.subject(told), "is_operators": is_operators}
    try:
        mail.send("notification", to=to, context=context, message_id=str(told.id))
    except mail.Undelivered as error:
        raise Failed("The mail server did not take the mail, or could not be reached.") from error


def _report(told: wording.Notice, letter: Letter, dsn: str) -> None:
    try:
        project = sentry.project(dsn)
    except outbound.Forbidden as error:
        raise Failed(str(error), is_final=True) from error
    _post(project.url, sentry.envelope(told, letter), {**project.headers, **told.origin.headers()})


def _post(address: str, body: bytes, headers: dict[str, str]) -> None:
    try:
        if is_own(outbound.parse(address)):
            raise Failed("This address leads to AiAxis itself. It is not called.", is_final=True)
        answer = outbound.post(address, body, headers)
    except outbound.Forbidden as error:
        raise Failed(str(error), is_final=True) from error
    except outbound.Unreachable as error:
        raise Failed(str(error)) from error
    if 200 <= answer.status < 300:
        return
    if answer.status in range(300, 400):
        raise Failed(f"It sends us on to another address ({answer.status}), which is not followed.")
    gone = answer.status == HTTPStatus.GONE
    raise Failed(f"It answered with {answer.status}{': gone' if gone else ''}.", is_final=gone)
