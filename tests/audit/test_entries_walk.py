"""Does each address really leave the entry that it declares? Each is asked once, with what it accepts (L37).

`test_coverage.py` compares names, which a view that forgot its signal passes. Here the trail is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLResolver, get_resolver

from audit import coverage
from audit.services import spool_folder
from tests.addresses import Address
from tests.audit.desks import desk_for, ids_of
from tests.audit.walking import walk_for
from tests.bodies import send_valid
from tests.cast import ALICE, PASSWORD, acting
from tests.environment import ROOT
from tests.factories import Desk
from tests.standing import Standing

NOT_WALKED: Final = {
    **dict.fromkeys(
        ("conversations:detail", "conversations:stream", "conversations:turn", "api:list_messages", "api:stream"),
        "a colleague has to open it: tests/conversations/test_sharing.py",
    ),
    "openai:create_completion": "it waits for a worker: tests/conversations/test_completions.py",
    "tools:create": "it asks a server of tools: tests/tools/test_servers.py",
    "tools:change": "it asks a server of tools: tests/tools/test_servers.py",
    "accounts:follow_up": "WorkOS asks for more than a password: tests/accounts/identity/workos/test_passwords.py",
    "accounts:sso_callback": "it takes somebody back from WorkOS: tests/accounts/test_sso.py",
    "accounts:sso_connected": "it takes somebody back from WorkOS: tests/accounts/test_organizations.py",
    "accounts:sso_rules": "it is missing without WorkOS: tests/accounts/test_organizations.py",
    "accounts:sso_disconnect": "it is missing without WorkOS: tests/accounts/test_organizations.py",
}
"""Addresses that cannot be asked like the others, why not, and where their entry is looked for instead."""

COMMITTED: Final = ("operator:", "accounts:operator_", "accounts:invitation_resend")
"""Operators see what is committed, and only the owner's role makes an invitation old: test_entries_walk_committed.py."""

NEW: Final = "another pass phrase of many words"
ONCE: Final = "w" * 20
AGENT: Final = {
    "name": "Walker",
    "visibility": "private",
    "retrieval_depth": "4",
    "retrieval_threshold": "0.3",
    "refusal_text": "Nothing.",
}
PROVIDER: Final = {"name": "Walk", "base_url": "https://93.184.216.34/v1", "models": "tern-small"}
RULE: Final = {"name": "Walk", "position": "70", "severity": "notice", "per_minute": "5", "is_on": "on"}
MAILS: Final = {"name": "Walk", "kind": "email", "least": "info"}
FORMS: Final[dict[str, dict[str, Any]]] = {
    "accounts:sign_in": {"email": ALICE.email, "password": PASSWORD},
    "accounts:again": {"password": PASSWORD},
    "accounts:forgotten": {"email": ALICE.email},
    "accounts:reset": {"new": NEW, "again": NEW},
    "accounts:email": {"email": "alicia@acme.test", "password": PASSWORD},
    "accounts:password": {"current": PASSWORD, "new": NEW, "again": NEW},
    "accounts:key_create": {"name": "Walk", "scopes": ["files:read"], "lasts": "90", "once": ONCE},
    "accounts:key_rotate": {"hours": "24", "once": ONCE},
    "accounts:member_role": {"role": "viewer"},
    "accounts:invite": {"email": "nora@elsewhere.test", "role": "member"},
    "accounts:invitation_register": {"name": "Nora", "new": NEW},
    "files:visibility": {"visibility": "workspace"},
    **{name: {"tags": "walk, policy"} for name in ("files:tag", "files:tag_chosen")},
    **{name: {"tags": "policy"} for name in ("files:untag", "files:untag_chosen")},
    "conversations:rate": {"helpful": "yes"},
    "agents:create": {**AGENT, "instructions": "Quote."},
    "agents:edit": {**AGENT, "instructions": "Quote twice."},
    "agents:share": {"visibility": "workspace"},
    "models:create": {**PROVIDER, "kind": "openai", "key": "k" * 20},
    "models:change": {**PROVIDER, "key": "k" * 20},
    "models:budget": {"requests": "100"},
    "tools:decide": {"rule": "ask", "seen": "d" * 64},
    "conversations:confirm": {"seen": "d" * 64},
    "conversations:decline": {"seen": "d" * 64},
    "conversations:start": {"text": "How long do refunds take?"},
    "conversations:ask": {"text": "How long do refunds take?", "submission": ONCE},
    "conversations:edit": {"text": "How long do refunds take?", "submission": ONCE},
    "conversations:try": {**AGENT, "question": "How long do refunds take?"},
    "conversations:rename": {"title": "A walk"},
    "conversations:share": {"visibility": "workspace"},
    "audit:channel_create": {**MAILS, "reader": str(ALICE.membership_id)},
    "audit:export": {"format": "csv"},
    "kept:choose": {"conversation_days": "90"},
    "audit:retention_choose": {"keep": "d30"},
    "operator:audit_operatorchannel_create": {**MAILS, "email": "on-call@aiaxis.test"},
    "operator:glass_ask": {"reason": "A walk over every address.", "ticket": "WALK-1", "minutes": "15"},
    "operator:audit_rule_create": RULE,
    "operator:audit_rule_keep": RULE,
    "operator:review_resolve": {"resolution": "bug"},
    "operator:review_note": {"text": "A walk."},
    "operator:review_block": {"address": "203.0.113.9", "minutes": "15"},
    "operator:accounts_workspace_suspend": {"reason": "A walk."},
    "operator:accounts_workspace_limit": {"reason": "A walk.", "most_megabytes": "1024", "files": "100"},
    "operator:accounts_workspace_close": {"reason": "A walk.", "name": "Acme"},
    "operator:review_filter_save": {"name": "Walk", "query": "severity=critical"},
    "operator:audit_entry_filter_save": {"name": "Walk", "query": "severity=critical"},
    "operator:review_unblock": {"network": "203.0.113.9/32"},
}
"""What a page's form needs; the others need nothing but the row that their address names."""

READS: Final = (
    "files:detail",
    "files:content",
    "files:passage",
    "conversations:export",
    "files:search",
    "audit:trail",
    "audit:entry",
    "audit:export_content",
    "usage:content",
    "export:content",
    "import:content",
    "operator:index",
    "operator:review_group",
    "operator:operator_proof_document",
)


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
                    if "action" in entry:  # another test may have left lines that are no entries
                        found[entry["id"]] = entry["action"]
    return found


def is_read(name: str) -> bool:
    """Is the page asked with GET?"""
    if coverage.ENTRIES[name] == ("glass.seen",):
        return True
    return name in READS or (name.startswith("operator:") and name.endswith(("_changelist", "_change", "_new")))


def named(resolver: URLResolver, prefix: str = "/", inside: tuple[str, ...] = ()) -> Iterator[tuple[str, Address]]:
    """Every address with the name under which `audit.coverage` knows it."""
    for pattern in resolver.url_patterns:
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from named(pattern, path, (*inside, pattern.namespace) if pattern.namespace else inside)
        else:
            yield ":".join([*inside, pattern.name or ""]), Address(path, pattern.callback)


NAMED: Final = dict(named(get_resolver()))


def path_of(name: str, ids: dict[str, str]) -> str:
    return NAMED[name].path({"entry_id": next(iter(actions()), ""), **ids})


WALKED = sorted(name for name in coverage.ENTRIES if not name.startswith("api:") and name not in NOT_WALKED)
PAGES = [name for name in WALKED if not name.startswith(COMMITTED)]
OPERATIONS = sorted(name for name in coverage.ENTRIES if name.startswith("api:") and name not in NOT_WALKED)


def walked(name: str, made: Desk | None, client: Client) -> None:
    """Ask this address for what this desk holds, if for anything of a workspace, and look what it left."""
    walk = walk_for(name, FORMS.get(name, {}), made, client)
    path, before = path_of(name, walk.ids), actions()
    response: Any = walk.client.get(path, walk.form) if is_read(name) else walk.client.post(path, walk.form)
    assert response.status_code in (200, 201, 204, 302), (name, response.status_code)
    if response.streaming:
        b"".join(response.streaming_content)
    left = {action for entry, action in actions().items() if entry not in before}
    assert left & set(coverage.ENTRIES[name]), (name, left)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_leaves_the_entry_that_it_declares(name: str, standing: Standing) -> None:
    """L37, and for reads L36: looked for in the trail, not in the source."""
    walked(name, standing.desks[ALICE], standing.browser(ALICE))


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_leaves_the_entry_that_it_declares(name: str, standing: Standing) -> None:
    """L37: the same for programs, with bodies from the API's own description."""
    desk, client = desk_for(name, standing.desks[ALICE]), standing.program(ALICE)
    before = actions()
    address, function = NAMED[name], name.partition(":")[2]
    [operation] = [one for one in address.operations if one.view_func.__name__ == function]
    method = operation.methods[0]
    path = path_of(name, ids_of(desk)) + ("?q=refunds" if name == "api:search" else "")
    response: Any = send_valid(client, method, address, path, desk.ids)
    assert response.status_code in (200, 201, 202, 204), (name, method, path, response.content)
    if response.streaming:
        b"".join(response.streaming_content)
    left = {action for entry, action in actions().items() if entry not in before}
    assert left & set(coverage.ENTRIES[name]), (name, left)


def test_what_is_not_walked_is_looked_for_where_it_says() -> None:
    assert set(NOT_WALKED) <= set(coverage.ENTRIES)
    for name, reason in NOT_WALKED.items():
        text = (ROOT / reason.rpartition(": ")[2]).read_text()
        assert any(f'"{action}"' in text for action in coverage.ENTRIES[name]), (name, reason)
