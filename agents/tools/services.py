"""What can be done to a workspace's servers of tools, and to what they offer? Each verb, with its record, is one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from accounts import outbound
from accounts.counting import count_together
from accounts.http import NotVisible, Tenant
from accounts.outbound.streaming import Limits
from accounts.tenancy.context import current_workspace_id
from accounts.tenancy.models import new_id
from accounts.waiting import NoPlace, asking_elsewhere
from agents import signals
from agents.models import Tool, ToolServer
from agents.providers.wire import Trouble
from agents.tools import client
from agents.unfit import Unfit
from agents.vendors import vault
from agents.vendors.services import LONG_ENOUGH, SHOWN

MOST_SERVERS: Final = 20
KIND: Final = "tools"
# An administrator waits in front of the page while the server is asked.
LIST_LIMITS: Final = Limits(connect=5.0, silence=10.0, seconds=20.0, size=2 * 1024 * 1024)
# What one call may take, with the looking at what the tool is that goes before it.
CALL_LIMITS: Final = Limits(connect=5.0, silence=45.0, seconds=60.0, size=4 * 1024 * 1024)


class Moved(Exception):
    """The tool is not what was looked at any more. The message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Words:
    """What an administrator typed about a server. No key: the one that is kept stays, or there is none."""

    name: str
    url: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What came of asking a server: how many tools it has, and which of the allowed ones are not what they were."""

    tools: int
    changed: list[str]


def add(words: Words, *, actor: Tenant) -> UUID:
    """Add a server that answers, with what it offers; nothing of that may be called yet. Raises ``Unfit``."""
    wanted, found = new_id(), _offered(words.url, words.key)
    with transaction.atomic():
        count_together(actor, "servers")
        if not _keep("add", wanted, words, words.key):
            raise Unfit("name", f"A workspace can have {MOST_SERVERS} servers of tools. Remove one that nobody uses.")
        _keep_tools(wanted, found)
        target = ToolServer(pk=wanted)
        signals.tool_server_added.send(
            ToolServer, actor=actor, target=target, place=_place(words.url), tools=len(found)
        )
    return wanted


def change(server: ToolServer, words: Words, *, actor: Tenant) -> None:
    """Change a server. At another address the key has to be given anew (L12), and its tools be looked at anew. Raises ``Unfit``."""
    is_moved = words.url != server.url
    if is_moved and server.hint and not words.key:
        # A key that is kept would travel to whoever stands behind the new address.
        raise Unfit("key", "Enter the key again: it was given for another address, and is not sent to this one.")
    key = words.key or ("" if is_moved else _opened(server))
    found = _offered(words.url, key)
    fields = [name for name in ("name", "url") if getattr(server, name) != getattr(words, name)]
    with transaction.atomic():
        if not _keep("change", server.pk, words, key):
            raise NotVisible([server.pk])  # removed meanwhile, while the server was asked
        _keep_tools(server.pk, found)
        fields = ["address" if name == "url" else name for name in fields] + (["key"] if words.key else [])
        signals.tool_server_changed.send(ToolServer, actor=actor, target=server, fields=fields, place=_place(words.url))


def switch(server: ToolServer, *, on: bool, actor: Tenant) -> None:
    """Let agents call the server's tools, or none of them for now."""
    with transaction.atomic():
        if server.is_on != on and _call("switch", server.pk, {"is_on": on}):
            signals.tool_server_switched.send(ToolServer, actor=actor, target=server, on=on)


def remove(server: ToolServer, *, actor: Tenant) -> None:
    """Take a server away with its key and its tools. Agents go on without those."""
    with transaction.atomic():
        if _call("remove", server.pk, {}):
            signals.tool_server_removed.send(ToolServer, actor=actor, target=server)


def look(server: ToolServer, *, actor: Tenant) -> Listing:
    """Ask the server, as it is kept, what it offers now, and keep that. A tool that is not what it was is off until somebody
    allows it anew. Raises ``Unfit`` with what went wrong.
    """
    found: list[client.Offered] | None = None
    changed: list[str] = []
    try:
        found = _offered(server.url, _opened(server))
    finally:
        # Outside any transaction, so that nothing waits for the server but the administrator.
        with transaction.atomic():
            if found is not None:
                _keep_tools(server.pk, found)
                changed = [
                    tool.name for tool in Tool.objects.filter(server=server).order_by("name") if tool.has_changed
                ]
            signals.tool_server_asked.send(
                ToolServer, actor=actor, target=server, works=found is not None, changed=len(changed)
            )
    return Listing(len(found), changed)


def decide(tool: Tool, *, rule: str, seen: str, actor: Tenant) -> None:
    """Say how agents may call a tool, as it was `seen`, by its digest. Raises ``Moved`` where it is not that any more."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT fence.allow_tool(%s, %s, %s)", [tool.pk, rule, seen])
            if cursor.fetchone() != (True,):
                raise Moved("The server describes this tool differently now. Read it again, and decide then.")
        if rule != tool.rule or tool.approved != seen:
            signals.tool_decided.send(Tool, actor=actor, target=tool, rule=str(rule), server_id=tool.server_id)


def switch_off_changed(tool: Tool, *, actor: Tenant) -> None:
    """Write down that a tool was found to be another than the one that was allowed: it is off until somebody looks. Anybody's
    question may find it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT fence.tool_has_changed(%s)", [tool.pk])
        if cursor.fetchone() == (True,):
            signals.tool_changed.send(Tool, actor=actor, target=tool, server_id=tool.server_id)


def connection_to(server: ToolServer, limits: Limits = CALL_LIMITS) -> client.Connection:
    """What is needed to ask this server. Raises ``vault.Unopened``, which operators hear of."""
    try:
        key = vault.opened(
            server.sealed, workspace=server.workspace_id, provider=server.pk, kind=KIND, base_url=server.url
        )
    except vault.Unopened as error:
        signals.key_unopened.send_robust(ToolServer, target=server, why=type(error).__name__)
        raise
    return client.Connection(server.url, key, limits)


def _opened(server: ToolServer) -> str:
    try:
        return connection_to(server).key
    except vault.Unopened as error:
        raise Unfit("key", "The key that is kept cannot be opened any more. Enter it again.") from error


def _offered(url: str, key: str) -> list[client.Offered]:
    try:
        with asking_elsewhere():
            return _asked(url, key)
    except NoPlace as none:
        raise Unfit("url", str(none)) from none


def _asked(url: str, key: str) -> list[client.Offered]:
    try:
        outbound.check(url)
    except (outbound.Forbidden, outbound.Unreachable) as error:
        raise Unfit("url", str(error)) from error
    try:
        found = client.offered(client.Connection(url, key, LIST_LIMITS))
    except Trouble as trouble:
        raise Unfit(*_refusal(trouble.kind)) from trouble
    if not found:
        raise Unfit("url", "It answered, and offers no tool that can be shown. Check the address.")
    return found


def _refusal(kind: str) -> tuple[str, str]:
    """What an administrator reads when the list of tools does not come, and beside which field."""
    if kind == "key":
        return "key", "The server did not accept this key. Check that it is whole, and that it may list tools."
    words = {
        "down": "The server could not be reached at this address.",
        "slow": "The server did not answer in time.",
        "busy": "The server takes no more requests just now. Try again in a minute.",
        "failing": "The server reported a failure of its own. Try again in a moment.",
        "large": "The server’s list of tools did not end.",
        "redirect": "This address sends calls on to another one, which is never followed. Enter that one.",
        "missing": "There is no server of tools at this address. It often ends in /mcp.",
        "forbidden": "This address leads into a private network, or to no place on the internet. It is not called.",
    }
    return "url", words.get(kind, "What came from this address is no list of tools. Check the address.")


def _keep(act: str, wanted: UUID, words: Words, key: str) -> bool:
    sealed = vault.sealed(key, workspace=current_workspace_id(), provider=wanted, kind=KIND, base_url=words.url)
    hint = key[-SHOWN:] if len(key) >= LONG_ENOUGH else "•" * SHOWN if key else ""
    try:
        with transaction.atomic():
            return _call(act, wanted, {"name": words.name, "url": words.url, "sealed": sealed, "hint": hint})
    except IntegrityError as error:
        raise Unfit("name", "Another server has this name. Choose one by which people can tell them apart.") from error


def _keep_tools(server: UUID, found: Sequence[client.Offered]) -> None:
    with connection.cursor() as cursor:
        rows = json.dumps([{"id": str(new_id()), **asdict(tool)} for tool in found])
        cursor.execute("SELECT fence.keep_tools(%s, %s::jsonb)", [server, rows])


def _call(act: str, wanted: UUID, words: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT fence.keep_tool_server(%s, %s, %s::jsonb)", [act, wanted, json.dumps(words)])
        return bool(cursor.fetchone() == (True,))


def _place(url: str) -> str:
    return outbound.parse(url).shown
