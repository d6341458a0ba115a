"""Which entry does each address leave when its request is allowed, or why does it leave none?

Refusals need no line here: whatever is refused anywhere is recorded by one middleware. A test walks the resolver and
fails on an address that stands in neither list (incident L37: reads not logged, and nobody noticed).
"""

from typing import Final

ENTRIES: Final[dict[str, tuple[str, ...]]] = {
    "accounts:sign_in": ("member.signed_in",),
    "accounts:choose": ("member.signed_in",),
    "accounts:sign_out": ("member.signed_out",),
    "accounts:password": ("password.changed",),
    "accounts:end_session": ("session.revoked",),
    "accounts:end_all_sessions": ("session.revoked", "member.signed_out"),
    "accounts:key_create": ("key.created",),
    "accounts:key_revoke": ("key.revoked",),
    "accounts:operator_sign_in": ("operator.signed_in",),
    "accounts:operator_sign_out": ("operator.signed_out",),
    "files:upload": ("file.uploaded", "file.refused"),
    "files:detail": ("file.shown",),
    "files:content": ("file.downloaded",),
    "files:visibility": ("file.shared",),
    "files:read_again": ("file.requeued",),
    "files:delete": ("file.deleted",),
    "files:passage": ("file.shown",),
    "files:search": ("file.searched",),
    "agents:create": ("agent.created",),
    "agents:edit": ("agent.changed", "agent.files_changed", "agent.visibility_changed"),
    "agents:share": ("agent.visibility_changed",),
    "agents:unshare": ("agent.visibility_changed",),
    "agents:duplicate": ("agent.created",),
    "agents:archive": ("agent.archived",),
    "agents:restore": ("agent.restored",),
    "agents:delete": ("agent.deleted",),
    "conversations:start": ("conversation.started", "message.asked"),
    "conversations:ask": ("message.asked",),
    "conversations:rename": ("conversation.renamed",),
    "conversations:delete": ("conversation.deleted",),
    "conversations:stop": ("message.stopped",),
    "conversations:retry": ("message.asked",),
    "audit:trail": ("trail.read",),
    "audit:entry": ("trail.read",),
    "audit:export": ("trail.exported",),
    "audit:export_content": ("trail.export_downloaded",),
    "api:list_entries": ("trail.read",),
    "operator:index": ("operator.read",),
    "operator:audit_review_changelist": ("operator.read",),
    "operator:review_group": ("operator.read",),
    "operator:review_acknowledge": ("review.acknowledged",),
    "operator:review_assign": ("review.assigned",),
    "operator:review_release": ("review.released",),
    "operator:review_resolve": ("review.resolved",),
    "operator:review_reopen": ("review.reopened",),
    "operator:review_note": ("review.noted",),
    "operator:review_block": ("address.blocked",),
    "operator:review_unblock": ("address.unblocked",),
    "operator:review_end-sessions": ("operator.sessions_ended",),
    "operator:review_revoke-keys": ("operator.keys_revoked",),
    "operator:review_suspend": ("operator.member_suspended",),
    "operator:review_readmit": ("operator.member_readmitted",),
    "operator:audit_entry_changelist": ("operator.read",),
    "operator:audit_entry_change": ("operator.read",),
    "api:upload_file": ("file.uploaded", "file.refused"),
    "api:delete_file": ("file.deleted",),
    "api:get_content": ("file.downloaded",),
    "api:search": ("file.searched",),
    "api:create_agent": ("agent.created",),
    "api:change_agent": ("agent.changed", "agent.files_changed", "agent.visibility_changed"),
    "api:delete_agent": ("agent.deleted",),
    "api:start_conversation": ("conversation.started",),
    "api:delete_conversation": ("conversation.deleted",),
    "api:ask": ("message.asked",),
    "api:stop": ("message.stopped",),
    "api:retry": ("message.asked",),
}
"""Address, by the name of its URL pattern, and the actions that it records."""

_NOBODYS_DATA = "It shows nobody's data."
_OWN_ACCOUNT = "People see what the platform holds about themselves."
_NAMES_AND_STATES = "A list of names and states that the member policies let this member see; opening one is recorded."
_OWN_CONVERSATION = "Only its owner can open it, and reads what was said to them; what agents read for it is recorded."

EXEMPT: Final[dict[str, str]] = {
    "healthz": _NOBODYS_DATA,
    "readyz": _NOBODYS_DATA,
    "openapi": _NOBODYS_DATA,
    "api:api-root": _NOBODYS_DATA,
    "accounts:front": "It sends people on, to sign-in or to their conversations.",
    "accounts:address": "It repeats what was typed and looks nobody up.",
    "accounts:account": _OWN_ACCOUNT,
    "accounts:installation": _NOBODYS_DATA,
    "accounts:keys": _OWN_ACCOUNT,
    "api:me": _OWN_ACCOUNT,
    "audit:exports": "It shows a member's own exports and how far they are; beginning and fetching one are recorded.",
    "audit:export_row": "It shows how far a member's own export is.",
    "files:list": _NAMES_AND_STATES,
    "files:status": _NAMES_AND_STATES,
    "files:row": _NAMES_AND_STATES,
    "api:list_files": _NAMES_AND_STATES,
    "api:get_file": _NAMES_AND_STATES,
    "agents:list": _NAMES_AND_STATES,
    "agents:detail": "How an agent is set up, which its members need in order to use it; changes are recorded.",
    "api:list_agents": _NAMES_AND_STATES,
    "api:get_agent": "How an agent is set up, which its members need in order to use it; changes are recorded.",
    "conversations:list": _OWN_CONVERSATION,
    "conversations:new": _NAMES_AND_STATES,
    "conversations:detail": _OWN_CONVERSATION,
    "conversations:stream": _OWN_CONVERSATION,
    "conversations:turn": _OWN_CONVERSATION,
    "api:list_conversations": _OWN_CONVERSATION,
    "api:get_conversation": _OWN_CONVERSATION,
    "api:list_messages": _OWN_CONVERSATION,
    "api:stream": _OWN_CONVERSATION,
}
"""Addresses that leave no entry when they are allowed, each with its reason."""

BACKGROUND: Final = frozenset(
    {
        "file.ready",
        "file.read",
        "message.finished",
        "person.added",
        "workspace.reached",
        "audit.archive_shortened",
        "audit.line_unreadable",
        "audit.entry_rejected",
        "audit.entry_undescribed",
    }
)
"""Actions that no address causes by itself: jobs, commands and the pipeline record them."""
