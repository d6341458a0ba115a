"""How does a conversation read as a file: for people in Markdown, for programs in JSON?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.text import slugify

from conversations.exporting.inert import plain, plain_lines, quoted, tamed
from conversations.models import Citation, Conversation, ConversationFile, Message, ToolCall

# Changed whenever a field changes its meaning, so that a program knows what it reads.
VERSION: Final = 1
LONGEST_NAME: Final = 60
CALL_FIELDS: Final = ("number", "server_name", "tool_name", "arguments", "state", "result", "created_at", "finished_at")
_MARK: Final = re.compile(r"\[(\d{1,3})\]")


class Format(models.TextChoices):
    """In which form a conversation is taken away."""

    MARKDOWN = "markdown", "Markdown"
    JSON = "json", "JSON"


MEDIA: Final = {Format.MARKDOWN: "text/markdown; charset=utf-8", Format.JSON: "application/json"}
_ENDINGS: Final = {Format.MARKDOWN: "md", Format.JSON: "json"}


def file_name(conversation: Conversation, kind: Format) -> str:
    """Name the file by its title's plain letters and its day; a title never becomes a path or a header of its own."""
    stem = slugify(conversation.title)[:LONGEST_NAME].strip("-_") or "conversation"
    return f"{stem}-{conversation.created_at:%Y-%m-%d}.{_ENDINGS[kind]}"


def written(conversation: Conversation, attached: list[ConversationFile], messages: list[Message], kind: Format) -> str:
    """Return the file's text. `messages` bring their citations along, and what is attached its file."""
    if kind == Format.JSON:
        described = _described(conversation, attached, messages)
        return json.dumps(described, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2) + "\n"
    return "\n".join(_markdown(conversation, attached, messages))


def _markdown(conversation: Conversation, attached: list[ConversationFile], messages: list[Message]) -> Iterator[str]:
    agent = plain(conversation.agent.name) if conversation.agent else "an agent that was deleted"
    yield f"# {plain(conversation.title)}\n"
    yield f"With {agent}. Begun {_moment(conversation.created_at)}, taken from AiAxis {_moment(timezone.now())}.\n"
    if attached:
        yield f"Attached: {', '.join(_named(each) for each in attached)}.\n"
    notes: list[str] = []
    for number, message in enumerate(messages, start=1):
        yield f"## {'Answer' if message.is_answer else 'Question'} · {_moment(message.created_at)}\n"
        for call in message.calls.all():
            yield f"Tool {plain(call.tool_name)} of {plain(call.server_name) or 'no server'}: {call.get_state_display()}.\n"
            yield quoted(plain_lines(call.arguments)) + "\n"
            if call.result:
                yield quoted(plain_lines(call.result)) + "\n"
        if message.text:
            yield quoted(_body(message, number)) + "\n"
        state = _state(message)
        if state:
            yield f"*{state}*\n"
        citations = list(message.citations.all())
        if citations:
            yield f"{_headed(citations)} {' '.join(f'[^{number}-{each.number}]' for each in citations)}\n"
            notes += [f"[^{number}-{each.number}]: {_source(each)}" for each in citations]
    if notes:
        yield "\n".join(notes) + "\n"


def _named(attachment: ConversationFile) -> str:
    return f"{plain(attachment.file_name)}{'' if attachment.file_id else ' (deleted since)'}"


def _body(message: Message, number: int) -> str:
    if not message.is_answer:
        return plain_lines(message.text)
    cited = {each.number for each in message.citations.all()}
    # Only marks of citations that are listed become notes; any other number between brackets is the text's own.
    return tamed(
        message.text,
        lambda line: _MARK.sub(lambda mark: f"[^{number}-{mark[1]}]" if int(mark[1]) in cited else mark[0], line),
    )


def _headed(citations: list[Citation]) -> str:
    return "Closest passages:" if citations[0].kind == Citation.Kind.CLOSEST else "Sources:"


def _source(citation: Citation) -> str:
    place = citation.label or (f"Page {citation.page}" if citation.page else "")
    gone = "" if citation.file_id else " (deleted since)"
    return f"{plain(citation.file_name)}{gone}{f', {plain(place)}' if place else ''}: “{plain(citation.quote)}”"


def _state(message: Message) -> str:
    """Say how an answer ended where it did not end well, or that it has not ended."""
    return {
        Message.Status.QUEUED: "This answer is still to come.",
        Message.Status.WAITING: "This answer waited for a call to be confirmed.",
        Message.Status.WRITING: "This answer was still being written.",
        Message.Status.STOPPED: "This answer was stopped.",
        Message.Status.INTERRUPTED: "This answer was interrupted.",
        Message.Status.FAILED: f"This answer failed. {plain(message.trouble)}".rstrip(),
    }.get(Message.Status(message.state), "")


def _moment(moment: datetime) -> str:
    return f"{moment:%d %b %Y, %H:%M} UTC"


def _described(conversation: Conversation, attached: list[ConversationFile], messages: list[Message]) -> dict[str, Any]:
    agent = conversation.agent
    return {
        "format": "aiaxis.conversation",
        "version": VERSION,
        "exported_at": timezone.now(),
        "id": conversation.pk,
        "title": conversation.title,
        "agent": {"id": agent.pk, "name": agent.name} if agent else None,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "attachments": [
            {"file_id": each.file_id, "name": each.file_name, "attached_at": each.created_at} for each in attached
        ],
        "messages": [_said(message) for message in messages],
    }


def _said(message: Message) -> dict[str, Any]:
    return {
        "id": message.pk,
        "parent_id": message.parent_id,
        "role": message.role,
        "text": message.text,
        "status": message.state,
        "error": message.trouble,
        "created_at": message.created_at,
        "finished_at": message.finished_at,
        "citations": [_cited(each) for each in message.citations.all() if each.kind == Citation.Kind.SOURCE],
        "closest": [_cited(each) for each in message.citations.all() if each.kind == Citation.Kind.CLOSEST],
        "calls": [_called(each) for each in message.calls.all()],
    }


def _called(call: ToolCall) -> dict[str, Any]:
    return {field: getattr(call, field) for field in CALL_FIELDS}


def _cited(citation: Citation) -> dict[str, Any]:
    fields = ("number", "file_id", "passage_id", "file_name", "page", "label", "quote")
    return {field: getattr(citation, field) for field in fields}
