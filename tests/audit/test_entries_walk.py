"""Does each address really leave the entry that it declares? Each is asked once, with what it accepts (L37).

`test_coverage.py` compares names, which a view that forgot its signal passes. Here the trail is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from audit import coverage
from audit.services import spool_folder
from conversations.models import Message
from files import storage
from tests.addresses import Address
from tests.bodies import send_valid
from tests.cast import ALICE, OLGA, PASSWORD, acting
from tests.clients import browser, operators_browser, program
from tests.environment import ROOT
from tests.factories import Desk, MessageFactory, a_full_desk

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache", "ops"])

NOT_WALKED: Final = {
    "accounts:sign_in": "there is no credential to walk with yet: tests/accounts/test_sign_in.py",
    "accounts:choose": "needs the cookie of a right password in two workspaces: tests/accounts/test_workspace_choice.py",
    "accounts:operator_sign_in": "it makes or ends the session that asks: tests/audit/test_operators.py",
    "accounts:operator_sign_out": "it makes or ends the session that asks: tests/audit/test_operators.py",
    "operator:audit_entry_change": "operators see what is committed, and a test's entries are not: tests/audit/test_operators.py",
}
"""Addresses that cannot be asked like the others, why not, and where their entry is looked for instead."""

NEW: Final = "another pass phrase of many words"
AGENT: Final = {
    "name": "Walker",
    "visibility": "private",
    "retrieval_depth": "4",
    "retrieval_threshold": "0.3",
    "refusal_text": "Nothing.",
}
FORMS: Final[dict[str, dict[str, Any]]] = {
    "accounts:password": {"current": PASSWORD, "new": NEW, "again": NEW},
    "accounts:key_create": {"name": "Walk", "scopes": ["files:read"], "lasts": "90", "once": "w" * 20},
    "files:visibility": {"visibility": "workspace"},
    "agents:create": {**AGENT, "instructions": "Quote."},
    "agents:edit": {**AGENT, "instructions": "Quote twice."},
    "conversations:ask": {"text": "How long do refunds take?", "submission": "w" * 20},
    "conversations:rename": {"title": "A walk"},
}
"""What a page's form needs; the others need nothing but the row that their address names."""
READS: Final = (
    "files:detail",
    "files:content",
    "files:passage",
    "files:search",
    "audit:trail",
    "audit:entry",
    "operator:index",
    "operator:audit_entry_changelist",
)
UNFINISHED: Final = {"conversations:stop": Message.Status.QUEUED, "conversations:retry": Message.Status.FAILED}


def desk_for(name: str) -> Desk:
    """One of everything, in the state in which the address has something to do."""
    desk = a_full_desk(ALICE)
    action = name.partition(":")[2]
    with acting(ALICE):
        storage.save(desk.rows["file_id"].storage_key, ContentFile(b"Refunds take ten days.", name="a.txt"))
        if action in ("stop", "retry"):
            conversation = desk.rows["conversation_id"]
            MessageFactory(conversation=conversation, role=Message.Role.USER, status=Message.Status.DONE)
            desk.rows["message_id"] = MessageFactory(
                conversation=conversation, text="", finished_at=None, status=UNFINISHED[f"conversations:{action}"]
            )
        if action == "restore":
            desk.rows["agent_id"].archived_at = timezone.now()
            desk.rows["agent_id"].save()
        if action == "unshare":
            desk.rows["agent_id"].visibility = "workspace"
            desk.rows["agent_id"].save()
    return desk


def actions() -> dict[str, str]:
    """Every entry of the workspace's trail, and of the spool, by which reads of the trail itself get there."""
    with acting(ALICE), connection.cursor() as cursor:
        cursor.execute("SELECT id::text, action FROM audit_entry")
        found: dict[str, str] = dict(cursor.fetchall())
    for segment in spool_folder().glob("*"):
        if segment.is_file():
            for line in segment.read_bytes().splitlines():
                if line.startswith(b"{"):
                    entry = json.loads(line)
                    found[entry["id"]] = entry["action"]
    return found


def ask_page(name: str, client: Client, desk: Desk) -> Any:
    path = path_of(name, desk)
    if name in READS:
        return client.get(path, {"q": "refunds"} if name == "files:search" else {})
    if name == "files:upload":
        return client.post(path, {"file": SimpleUploadedFile("a.txt", b"Words."), "visibility": "private"})
    form = FORMS.get(name, {})
    if name == "conversations:start":
        form = {"agent": desk.ids["agent_id"], "text": "How long do refunds take?"}
    return client.post(path, form)


def named(resolver: URLResolver, prefix: str = "/", inside: tuple[str, ...] = ()) -> Iterator[tuple[str, Address]]:
    """Every address with the name under which `audit.coverage` knows it."""
    for pattern in resolver.url_patterns:
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from named(pattern, path, (*inside, pattern.namespace) if pattern.namespace else inside)
        else:
            yield ":".join([*inside, pattern.name or ""]), Address(path, pattern.callback)


NAMED: Final = dict(named(get_resolver()))


def path_of(name: str, desk: Desk) -> str:
    return NAMED[name].path({**desk.ids, "key": desk.ids["agent_id"], "entry_id": next(iter(actions()), "")})


PAGES = sorted(name for name in coverage.ENTRIES if not name.startswith("api:") and name not in NOT_WALKED)
OPERATIONS = sorted(name for name in coverage.ENTRIES if name.startswith("api:"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_leaves_the_entry_that_it_declares(name: str) -> None:
    """L37, and for reads L36: looked for in the trail, not in the source."""
    desk = desk_for(name)
    client = operators_browser(OLGA) if name.startswith("operator:") else browser(ALICE)
    before = actions()
    response = ask_page(name, client, desk)
    assert response.status_code in (200, 201, 204, 302), (name, response.status_code)
    if response.streaming:
        b"".join(response.streaming_content)
    left = {action for entry, action in actions().items() if entry not in before}
    assert left & set(coverage.ENTRIES[name]), (name, left)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_leaves_the_entry_that_it_declares(name: str) -> None:
    """L37: the same for programs, with bodies from the API's own description."""
    desk, client = desk_for(name), program(ALICE)
    before = actions()
    address, function = NAMED[name], name.partition(":")[2]
    [operation] = [one for one in address.operations if one.view_func.__name__ == function]
    method = operation.methods[0]
    path = path_of(name, desk) + ("?q=refunds" if name == "api:search" else "")
    response: Any = send_valid(client, method, address, path, desk.ids)
    assert response.status_code in (200, 201, 202, 204), (name, method, path, response.content)
    if response.streaming:
        b"".join(response.streaming_content)
    left = {action for entry, action in actions().items() if entry not in before}
    assert left & set(coverage.ENTRIES[name]), (name, left)


def test_what_is_not_walked_is_looked_for_where_it_says() -> None:
    assert set(NOT_WALKED) <= set(coverage.ENTRIES)
    for reason in NOT_WALKED.values():
        assert (ROOT / reason.rpartition(": ")[2]).is_file(), reason
