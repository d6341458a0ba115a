"""What was called of servers of tools, by whose word and with whose leave: what is kept of it? Never arguments or answers, nor a key.

What a call was made with stands as a digest: whoever holds the conversation can show that it is the same, and nobody can read it here.
"""

from typing import Any
from uuid import UUID

from django.db.models import Model
from django.dispatch import receiver

from accounts.http import Tenant
from agents import signals as agents
from audit.receivers.facts import keep, keep_each
from conversations import signals as conversations


@receiver(agents.tool_server_added)
def tool_server_added(sender: object, *, actor: Tenant, target: Model, place: str, tools: int, **kwargs: Any) -> None:
    """Agents may be given tools of another server: at which host, and how many it offers."""
    keep("tool_server.added", actor, target, to=place, tools=tools)


@receiver(agents.tool_server_changed)
def tool_server_changed(
    sender: object, *, actor: Tenant, target: Model, fields: list[str], place: str, **kwargs: Any
) -> None:
    """A server of tools was changed: what of it, and where it is now."""
    keep("tool_server.changed", actor, target, fields=fields, to=place)


@receiver(agents.tool_server_switched)
def tool_server_switched(sender: object, *, actor: Tenant, target: Model, on: bool, **kwargs: Any) -> None:
    """A server of tools may be called again, or not for now."""
    keep("tool_server.switched", actor, target, on=on)


@receiver(agents.tool_server_removed)
def tool_server_removed(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A server of tools was taken away."""
    keep("tool_server.removed", actor, target)


@receiver(agents.tool_server_asked)
def tool_server_asked(
    sender: object, *, actor: Tenant, target: Model, works: bool, changed: int, **kwargs: Any
) -> None:
    """A server of tools was asked what it offers; how many allowed tools are not what they were."""
    keep("tool_server.asked", actor, target, works=works, changed=changed)


@receiver(agents.tool_decided)
def tool_decided(sender: object, *, actor: Tenant, target: Model, rule: str, server_id: UUID, **kwargs: Any) -> None:
    """An administrator said how agents may call a tool."""
    keep("tool.decided", actor, target, rule=rule, server=server_id)


@receiver(agents.tool_changed)
def tool_changed(sender: object, *, actor: Tenant, target: Model, server_id: UUID, **kwargs: Any) -> None:
    """A tool was found to be another than the one that was allowed, and is off."""
    keep("tool.changed", actor, target, server=server_id)


@receiver(agents.agent_tools_changed)
def agent_tools_changed(
    sender: object, *, actor: Tenant, target: Model, added: list[str], removed: list[str], **kwargs: Any
) -> None:
    """An agent got tools, or lost some."""
    keep_each("agent.tools_changed", actor, target, added=added, removed=removed)


@receiver(conversations.tool_called)
def tool_called(
    sender: object,
    *,
    actor: Tenant,
    target: Model,
    agent_id: UUID,
    server_id: UUID,
    tool_id: UUID,
    arguments: str,
    confirmed: bool,
    **kwargs: Any,
) -> None:
    """A tool is about to be called for a member: which, with what as a digest, and whether by the member's own word."""
    keep(
        "tool.called",
        actor,
        target,
        agent=agent_id,
        server=server_id,
        tool=tool_id,
        arguments=arguments,
        confirmed=confirmed,
    )


@receiver(conversations.tool_returned)
def tool_returned(
    sender: object, *, actor: Tenant, target: Model, tool_id: UUID, works: bool, size: int, **kwargs: Any
) -> None:
    """A tool answered, so many characters, or failed to."""
    keep("tool.returned", actor, target, tool=tool_id, works=works, characters=size)


@receiver(conversations.tool_refused)
def tool_refused(
    sender: object, *, actor: Tenant, target: Model, tool_id: UUID | None, arguments: str, why: str, **kwargs: Any
) -> None:
    """A call that a model wanted, and that its asker may have confirmed, was not made: the leave for it was taken back."""
    keep("tool.refused", actor, target, tool=tool_id and str(tool_id), arguments=arguments, why=why)


@receiver(conversations.call_decided)
def call_decided(
    sender: object, *, actor: Tenant, target: Model, confirmed: bool, arguments: str, **kwargs: Any
) -> None:
    """Whoever asked confirmed a call, or declined it: which, by the digest of what was shown."""
    keep("tool.confirmed" if confirmed else "tool.declined", actor, target, arguments=arguments)
