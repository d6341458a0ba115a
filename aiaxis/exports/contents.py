"""What of a workspace goes into an export, and what does not, and why?

Every table of the fence stands here, and of those that go every column: a test fails on one that is made tomorrow and stands
in neither list. What goes is read as whoever ordered it, so the database's own policies say which rows: no colleague's private
file, agent or conversation is among them. Conversations go with their owner alone, also where they are shared: of a colleague's
the reader does not see every answer, and half a conversation is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Part:
    """A table that goes: the name of its part, its columns, and those that do not go, each with the reason."""

    name: str
    columns: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    visible: tuple[str, ...] = ()
    """Keys whose row the reader must be able to see as well: that a private file is attached somewhere is not told."""
    conversation: str | None = None
    """The way to the conversation that it is, or hangs on: with one that does not go, nothing of it goes."""


_WHERE: Final = "the export says once which workspace it is of"
_FORM: Final = "marks one submit of a form"
_MADE_ANEW: Final = "made anew from the text when it is read in"
_LIVE: Final = "tells of an answer while it is written"
_OWNER: Final = "its conversation says whose it is"

GOES: Final[dict[str, Part]] = {
    "accounts.Membership": Part(
        "members",
        ("id", "role", "status", "display_name", "email", "created_at"),
        {"workspace_id": _WHERE, "user_id": "a person's account belongs to the installation and to no workspace"},
    ),
    "files.File": Part(
        "files",
        (
            *("id", "owner_id", "name", "media_type", "size", "sha256", "visibility", "status", "refusal", "pages"),
            *("created_at", "updated_at", "last_used_at"),
        ),
        {"workspace_id": _WHERE, "storage_key": "where the bytes lie here; they are in the export themselves"},
    ),
    "files.FileTag": Part(
        "file-tags",
        ("id", "file_id", "name", "created_at"),
        {"workspace_id": _WHERE, "key": "made anew from the name when it is read in"},
    ),
    "agents.Agent": Part(
        "agents",
        (
            *("id", "owner_id", "name", "slug", "description", "instructions", "refusal_text", "starter_prompts"),
            *("visibility", "provider", "model", "temperature", "max_tokens", "retrieval_depth", "retrieval_threshold"),
            *("created_at", "updated_at", "archived_at"),
        ),
        {
            "workspace_id": _WHERE,
            "submission": _FORM,
            "model_provider_id": "vendors and their keys do not leave the installation",
        },
    ),
    "agents.AgentVersion": Part(
        "agent-versions",
        ("id", "agent_id", "number", "author_id", "restored_from", "content", "created_at"),
        {"workspace_id": _WHERE},
    ),
    "agents.AgentFile": Part(
        "agent-files", ("id", "agent_id", "file_id", "created_at"), {"workspace_id": _WHERE}, ("agent", "file")
    ),
    "agents.AgentShare": Part(
        "agent-shares", ("id", "owner_id", "agent_id", "member_id", "created_at"), {"workspace_id": _WHERE}, ("agent",)
    ),
    "conversations.Conversation": Part(
        "conversations",
        ("id", "owner_id", "agent_id", "title", "visibility", "created_at", "updated_at", "archived_at"),
        {"workspace_id": _WHERE, "submission": _FORM, "tsv": _MADE_ANEW, "erased_after": "temporary ones do not go"},
        conversation="",
    ),
    "conversations.ConversationShare": Part(
        "conversation-shares",
        ("id", "owner_id", "conversation_id", "member_id", "created_at"),
        {"workspace_id": _WHERE},
        conversation="conversation",
    ),
    "conversations.ConversationFile": Part(
        "conversation-files",
        ("id", "conversation_id", "file_id", "file_name", "created_at"),
        {"workspace_id": _WHERE, "owner_id": _OWNER},
        conversation="conversation",
    ),
    "conversations.Message": Part(
        "messages",
        (
            *("id", "conversation_id", "parent_id", "position", "preference", "role", "text", "status", "error"),
            *("created_at", "finished_at"),
        ),
        {
            "workspace_id": _WHERE,
            "owner_id": _OWNER,
            "html": _MADE_ANEW,
            "tsv": _MADE_ANEW,
            "sources": "noted anew when the citations are written",
            "idempotency_key": _FORM,
            "stop_requested_at": _LIVE,
            "alive_at": _LIVE,
        },
        conversation="conversation",
    ),
    "conversations.Citation": Part(
        "citations",
        ("id", "message_id", "number", "kind", "file_id", "file_name", "page", "label", "quote", "start", "end"),
        {"workspace_id": _WHERE, "owner_id": _OWNER, "passage_id": _MADE_ANEW},
        conversation="message__conversation",
    ),
    "conversations.ToolCall": Part(
        "tool-calls",
        (
            *("id", "message_id", "number", "round", "said", "server_name", "tool_name", "arguments", "asks", "state"),
            *("result", "created_at", "decided_at", "finished_at"),
        ),
        {
            "workspace_id": _WHERE,
            "owner_id": _OWNER,
            "tool_id": "servers of tools and their keys do not leave the installation",
            **dict.fromkeys(("mark", "model_name", "digest"), "serves while the answer is written"),
        },
        conversation="message__conversation",
    ),
    "conversations.Feedback": Part(
        "feedback",
        ("id", "owner_id", "message_id", "agent_id", "is_helpful", "comment", "is_passed_on", "updated_at"),
        {"workspace_id": _WHERE},
        conversation="message__conversation",
    ),
}

_CREDENTIALS: Final = "it lets somebody in, or did"
_VENDORS: Final = "it names a vendor of this installation, with an encrypted key"
_TOOLS: Final = "it names a server of tools that this installation calls, with an encrypted key"
_NUMBERS: Final = "what was used is counted here, and can be taken as CSV on the page Usage"
_SETTINGS: Final = "a setting of the workspace in this installation, not its content"
_COPIES: Final = "a copy of what the trail's own part holds"

STAYS: Final[dict[str, str]] = {
    "accounts.Domain": _CREDENTIALS,
    "accounts.Session": _CREDENTIALS,
    "accounts.ApiKey": _CREDENTIALS,
    "accounts.Invitation": _CREDENTIALS,
    "accounts.Repeat": "an answer kept for a day, in case a program asks again",
    "accounts.Visit": "operators' visits are entries of the trail, which goes",
    "files.Passage": _MADE_ANEW,
    "files.Embedding": _MADE_ANEW,
    "agents.ModelProvider": _VENDORS,
    "agents.ToolServer": _TOOLS,
    "agents.Tool": _TOOLS,
    "agents.AgentTool": _TOOLS,
    "agents.Budget": _SETTINGS,
    "agents.MonthlyUse": _NUMBERS,
    "agents.ModelUse": _NUMBERS,
    "conversations.DailyUse": _NUMBERS,
    "conversations.KeepingChoice": _SETTINGS,
    "conversations.Delta": _LIVE,
    "conversations.Completion": "lasts as long as one call of a program",
    "conversations.Trial": "an agent that was tried before it was saved, until the answer was read",
    "conversations.TrialFile": "an agent that was tried before it was saved, until the answer was read",
    "audit.Export": _COPIES,
    "audit.ExportPart": _COPIES,
    "audit.OwnFilter": _SETTINGS,
    "audit.Channel": "where this installation tells of events, with encrypted addresses",
    "audit.RetentionChoice": _SETTINGS,
    "aiaxis.WorkspaceExport": "an export does not hold exports",
    "aiaxis.WorkspaceImport": "what came of an earlier import is told in the trail, which goes; the trail that came with it can be fetched",
}
