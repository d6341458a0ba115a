"""Which actions, outcomes and severities exist, and how severe is each?

The lists are closed on purpose: a trail in which every programmer invents words can be neither filtered nor alarmed
upon. An action is written ``noun.verb_in_the_past``; beside it stand its name in the OWASP Logging Vocabulary (Cheat
Sheet Series, "Logging Vocabulary"), its usual severity, and the words that a person reads in the trail.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db import models


class Outcome(models.TextChoices):
    """How it ended for the person who tried."""

    ALLOWED = "allowed", "Allowed"
    DENIED = "denied", "Refused"
    FAILED = "failed", "Failed"
    ERROR = "error", "Error"


class Severity(models.TextChoices):
    """How soon a person should look: ``critical`` is flushed to the disk at once and will notify."""

    INFO = "info", "Info"
    NOTICE = "notice", "Notice"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class Retention(models.TextChoices):
    """How long an entry is kept: the class is the first level of partitions, so that a month of it can be dropped."""

    DAYS_30 = "d30", "30 days"
    DAYS_90 = "d90", "90 days"
    DAYS_365 = "d365", "365 days"
    YEARS_7 = "y7", "7 years"

    def oldest_month(self, today: date) -> date:
        """The first day of the oldest month that has to be there: whatever is older has been kept for this long.

        A month is kept until its last entry is old enough, so that each is kept at least as long as was promised.
        """
        if self is Retention.YEARS_7:
            return date(today.year - 7, today.month, 1)
        return (today - timedelta(days=int(self.value[1:]))).replace(day=1)

    def last_day(self, month: date) -> date:
        """The day on which the month that begins with this day leaves the trail."""
        after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        if self is Retention.YEARS_7:
            return date(after.year + 7, after.month, 1)
        return after + timedelta(days=int(self.value[1:]))


class ActorType(models.TextChoices):
    """Who acted."""

    MEMBER = "member", "Member"
    KEY = "key", "API key"
    JOB = "job", "Background job"
    OPERATOR = "operator", "Operator"
    ANONYMOUS = "anonymous", "Nobody signed in"
    SYSTEM = "system", "AiAxis"


@dataclass(frozen=True, slots=True)
class Action:
    """One kind of thing that can happen: the trail's words, the OWASP vocabulary's word, the usual severity."""

    words: str
    vocabulary: str
    severity: Severity = Severity.INFO


ACTIONS: dict[str, Action] = {
    # Refusals. The action says what was tried, the reason says why it was refused.
    "request.refused": Action("Request refused", "authz_fail", Severity.NOTICE),
    "request.failed": Action("Request failed", "sys_crash", Severity.WARNING),
    "request.spoofed": Action("Reserved name sent", "malicious_extraneous", Severity.CRITICAL),
    "credential.refused": Action("Credential refused", "authn_token_reuse", Severity.WARNING),
    "sign_in.failed": Action("Sign-in failed", "authn_login_fail", Severity.NOTICE),
    "sign_in.throttled": Action("Sign-in slowed down", "authn_login_lock", Severity.WARNING),
    "password.change_failed": Action("Password change failed", "authn_password_change_fail", Severity.WARNING),
    "password.reset_failed": Action("Password reset refused", "authn_password_change_fail", Severity.WARNING),
    "sign_in.second_failed": Action("Second factor refused at sign-in", "authn_login_fail", Severity.WARNING),
    "member.step_up_failed": Action("Signing in again failed", "authn_login_fail", Severity.WARNING),
    "second_factor.change_failed": Action("Second factor not changed", "authn_login_fail", Severity.WARNING),
    "email.change_failed": Action("Change of address refused", "user_updated", Severity.WARNING),
    "operator.address_refused": Action("Operator console asked for from elsewhere", "authz_fail", Severity.CRITICAL),
    "metrics.refused": Action("Metrics refused", "authz_fail", Severity.WARNING),
    "operator.refused": Action("Operator console refused", "authz_fail", Severity.WARNING),
    "operator.sign_in_failed": Action("Operator sign-in failed", "authn_login_fail", Severity.WARNING),
    "job.refused": Action("Background job refused", "malicious_attack_tool", Severity.CRITICAL),
    "job.failed": Action("Background job failed", "sys_crash", Severity.WARNING),
    "workspace.reached": Action("Another workspace's object asked for", "authz_fail", Severity.CRITICAL),
    # People and credentials.
    "member.signed_in": Action("Signed in", "authn_login_success"),
    "member.signed_out": Action("Signed out", "session_expired"),
    "session.revoked": Action("Session ended", "authn_token_revoked", Severity.NOTICE),
    "password.changed": Action("Password changed", "authn_password_change", Severity.NOTICE),
    "password.reset_asked": Action("Link to a new password asked for", "authn_password_change", Severity.NOTICE),
    "password.reset": Action("Password set by a mailed link", "authn_password_change", Severity.WARNING),
    "second_factor.switched_on": Action("Second factor switched on", "user_updated", Severity.NOTICE),
    "second_factor.switched_off": Action("Second factor switched off", "user_updated", Severity.WARNING),
    "second_factor.removed": Action("Second factor removed at the server's terminal", "user_updated", Severity.WARNING),
    "second_factor.codes_made": Action("Recovery codes made anew", "user_updated", Severity.NOTICE),
    "second_factor.code_used": Action("Recovery code used", "authn_login_success", Severity.WARNING),
    "email.change_asked": Action("Change of address asked for", "user_updated", Severity.NOTICE),
    "email.changed": Action("Address changed", "user_updated", Severity.WARNING),
    "member.stepped_up": Action("Signed in again", "authn_login_success"),
    "key.created": Action("API key made", "authn_token_created", Severity.NOTICE),
    "key.revoked": Action("API key withdrawn", "authn_token_revoked", Severity.NOTICE),
    "key.rotated": Action("API key replaced", "authn_token_created", Severity.NOTICE),
    "workspace.switched": Action("Went on to another workspace", "session_expired"),
    # Who belongs here, and as what.
    "member.role_changed": Action("Role changed", "privilege_permissions_changed", Severity.WARNING),
    "member.suspended": Action("Member suspended", "user_updated", Severity.WARNING),
    "member.restored": Action("Member restored", "user_updated", Severity.WARNING),
    "member.removed": Action("Member removed", "user_deleted", Severity.WARNING),
    "member.left": Action("Left the workspace", "user_deleted", Severity.NOTICE),
    "ownership.transferred": Action("Ownership handed over", "privilege_permissions_changed", Severity.WARNING),
    "member.joined": Action("Joined by the rule of a domain", "user_created", Severity.WARNING),
    "member.linked": Action("Tied to single sign-on", "privilege_permissions_changed", Severity.WARNING),
    "organization.connected": Action("Organisation connected", "privilege_permissions_changed", Severity.WARNING),
    "organization.disconnected": Action("Organisation disconnected", "privilege_permissions_changed", Severity.WARNING),
    "sign_in.rules_changed": Action("Rules of the sign-in changed", "privilege_permissions_changed", Severity.WARNING),
    "invitation.sent": Action("Invitation sent", "user_created", Severity.NOTICE),
    "invitation.resent": Action("Invitation sent again", "user_created", Severity.NOTICE),
    "invitation.withdrawn": Action("Invitation withdrawn", "user_updated", Severity.NOTICE),
    "invitation.accepted": Action("Invitation accepted", "user_created", Severity.WARNING),
    "invitation.refused": Action("Invitation refused", "authn_login_fail", Severity.WARNING),
    # What a company's directory, or its identity system, decided.
    "directory.suspended": Action("Member suspended by the directory", "user_updated", Severity.WARNING),
    "directory.removed": Action("Member removed by the directory", "user_deleted", Severity.WARNING),
    "directory.role_changed": Action("Role changed by the directory", "privilege_permissions_changed", Severity.NOTICE),
    "directory.session_ended": Action("Session ended by the identity system", "authn_token_revoked", Severity.NOTICE),
    "directory.key_withdrawn": Action("Key withdrawn by the identity system", "authn_token_revoked", Severity.NOTICE),
    "webhook.refused": Action("Webhook refused", "malicious_attack_tool", Severity.WARNING),
    # Files.
    "file.uploaded": Action("File uploaded", "upload_complete"),
    "file.ready": Action("File ready for questions", "upload_validation"),
    "file.refused": Action("File refused", "upload_validation", Severity.NOTICE),
    "file.downloaded": Action("File downloaded", "sensitive_read"),
    "file.requeued": Action("File to be read anew", "sensitive_update"),
    "file.shared": Action("File shared or closed", "privilege_permissions_changed", Severity.NOTICE),
    "file.handed_over": Action("File passed to another member", "privilege_permissions_changed", Severity.NOTICE),
    "file.tagged": Action("File's tags changed", "sensitive_update"),
    "file.deleted": Action("File deleted", "upload_delete", Severity.NOTICE),
    "file.read": Action("File read by an agent", "sensitive_read"),
    "file.shown": Action("File's text shown", "sensitive_read"),
    "file.searched": Action("Files searched", "sensitive_read"),
    # Agents.
    "agent.created": Action("Agent made", "sensitive_create"),
    "agent.changed": Action("Agent changed", "sensitive_update"),
    "agent.visibility_changed": Action("Agent shared or closed", "privilege_permissions_changed", Severity.NOTICE),
    "agent.people_changed": Action("Agent shared with chosen people", "privilege_permissions_changed", Severity.NOTICE),
    "agent.files_changed": Action("Agent's files changed", "privilege_permissions_changed"),
    "agent.returned": Action("Agent brought back to an earlier version", "sensitive_update"),
    "agent.archived": Action("Agent archived", "sensitive_update"),
    "agent.restored": Action("Agent taken from the archive", "sensitive_update"),
    "agent.handed_over": Action("Agent passed to another member", "privilege_permissions_changed", Severity.NOTICE),
    "agent.deleted": Action("Agent deleted", "sensitive_delete", Severity.NOTICE),
    # Models that write answers, and what may be used of them.
    "model.asked": Action("Model asked", "sensitive_read"),
    "provider.added": Action("Model provider added", "privilege_permissions_changed", Severity.WARNING),
    "provider.changed": Action("Model provider changed", "privilege_permissions_changed", Severity.WARNING),
    "provider.removed": Action("Model provider removed", "sensitive_delete", Severity.NOTICE),
    "secret.unopened": Action("A key that is kept does not open", "sys_crash", Severity.CRITICAL),
    "provider.tested": Action("Model provider tested", "sensitive_update"),
    "budget.changed": Action("Limits for models changed", "sensitive_update", Severity.NOTICE),
    "budget.neared": Action("Four fifths of a limit for models used", "excess_rate_limit_exceeded", Severity.WARNING),
    "budget.reached": Action("Limit for models used up", "excess_rate_limit_exceeded", Severity.WARNING),
    # Conversations.
    "conversation.started": Action("Conversation started", "sensitive_create"),
    "conversation.renamed": Action("Conversation renamed", "sensitive_update"),
    "conversation.files_changed": Action("Conversation's files changed", "sensitive_update"),
    "conversation.archived": Action("Conversation archived", "sensitive_update"),
    "conversation.restored": Action("Conversation taken out of the archive", "sensitive_update"),
    "conversation.visibility_changed": Action(
        "Who can read a conversation changed", "privilege_permissions_changed", Severity.NOTICE
    ),
    "conversation.people_changed": Action(
        "Conversation shared with chosen people, or no longer", "privilege_permissions_changed", Severity.NOTICE
    ),
    "conversation.shown": Action("Shared conversation read", "sensitive_read"),
    "conversation.erased": Action("Temporary conversation erased", "sensitive_delete"),
    "conversation.exported": Action("Conversation exported", "sensitive_read", Severity.NOTICE),
    "conversation.deleted": Action("Conversation deleted", "sensitive_delete", Severity.NOTICE),
    "workspace.exported": Action("Export of the workspace ordered", "sensitive_read", Severity.WARNING),
    "workspace.export_downloaded": Action("Export of the workspace downloaded", "sensitive_read", Severity.WARNING),
    "workspace.import_ordered": Action("Import into the workspace ordered", "sensitive_create", Severity.WARNING),
    "workspace.imported": Action("Export of another workspace brought in", "sensitive_create", Severity.WARNING),
    "workspace.import_refused": Action("Import refused", "sensitive_create", Severity.WARNING),
    "workspace.import_trail_downloaded": Action(
        "Trail of an imported workspace downloaded", "sensitive_read", Severity.WARNING
    ),
    "keeping.changed": Action("What is kept was changed", "sensitive_update", Severity.WARNING),
    "keeping.let_go": Action("Unused conversations and files deleted", "sensitive_delete", Severity.NOTICE),
    "usage.exported": Action("Usage downloaded", "sensitive_read"),
    "tool_server.added": Action("Server of tools added", "privilege_permissions_changed", Severity.WARNING),
    "tool_server.changed": Action("Server of tools changed", "privilege_permissions_changed", Severity.WARNING),
    "tool_server.switched": Action("Server of tools switched on or off", "sensitive_update", Severity.NOTICE),
    "tool_server.removed": Action("Server of tools removed", "sensitive_delete", Severity.NOTICE),
    "tool_server.asked": Action("Server of tools asked what it offers", "sensitive_update"),
    "tool.decided": Action("Tool allowed or switched off", "privilege_permissions_changed", Severity.WARNING),
    "tool.changed": Action("Tool changed by its server, and off", "privilege_permissions_changed", Severity.WARNING),
    "tool.called": Action("Tool called", "sensitive_read"),
    "tool.refused": Action("Call of a tool refused", "authz_fail", Severity.NOTICE),
    "tool.returned": Action("Tool answered", "sensitive_read"),
    "tool.confirmed": Action("Call of a tool confirmed", "sensitive_update", Severity.NOTICE),
    "tool.declined": Action("Call of a tool declined", "sensitive_update"),
    "agent.tools_changed": Action("Agent's tools changed", "sensitive_update", Severity.NOTICE),
    "message.asked": Action("Question asked", "sensitive_create"),
    "message.finished": Action("Answer finished", "sensitive_create"),
    "message.rated": Action("Answer rated", "sensitive_update"),
    "message.rating_withdrawn": Action("Rating of an answer taken back", "sensitive_update"),
    "message.stopped": Action("Answer stopped", "sensitive_update"),
    # The trail itself, the operators, and the pipeline that carries all this.
    "trail.read": Action("Trail read", "sensitive_read"),
    "trail.retention_changed": Action("Retention of the trail changed", "sensitive_update", Severity.WARNING),
    "trail.exported": Action("Trail exported", "sensitive_read", Severity.NOTICE),
    "trail.export_downloaded": Action("Export of the trail downloaded", "sensitive_read", Severity.NOTICE),
    "trail.check_asked": Action("Check of the trail asked for", "sensitive_read", Severity.NOTICE),
    "trail.verified": Action("Trail checked, and whole", "sensitive_read"),
    "trail.broken": Action("Trail is not what was sealed", "sys_monitor_disabled", Severity.CRITICAL),
    "check.asked": Action("Check of the trail or the isolation asked for", "sensitive_read", Severity.NOTICE),
    "isolation.proven": Action("Isolation proven", "sensitive_read", Severity.NOTICE),
    "isolation.broken": Action("Isolation has a hole", "sys_monitor_disabled", Severity.CRITICAL),
    "backup.made": Action("Installation copied", "sensitive_read", Severity.WARNING),
    "backup.restored": Action("Installation brought back from a copy", "sensitive_update", Severity.WARNING),
    "operator.signed_in": Action("Operator signed in", "authn_login_success", Severity.NOTICE),
    "operator.signed_out": Action("Operator signed out", "session_expired"),
    "operator.enrolled": Action("Operator set a second factor up", "user_updated", Severity.WARNING),
    "operator.recovery_used": Action("Operator used a recovery code", "authn_login_success", Severity.WARNING),
    "operator.sessions_ended": Action("Operator ended a member's sessions", "authn_token_revoked", Severity.WARNING),
    "operator.keys_revoked": Action("Operator withdrew a member's keys", "authn_token_revoked", Severity.WARNING),
    "operator.member_suspended": Action("Operator suspended a member", "user_updated", Severity.WARNING),
    "operator.member_readmitted": Action("Operator readmitted a member", "user_updated", Severity.WARNING),
    "workspace.suspended": Action("Workspace suspended by an operator", "user_updated", Severity.WARNING),
    "workspace.restored": Action("Workspace restored by an operator", "user_updated", Severity.WARNING),
    "workspace.closing": Action("Workspace closed, to be erased", "user_deleted", Severity.WARNING),
    "workspace.reopened": Action("Workspace's erasure called off", "user_updated", Severity.WARNING),
    "workspace.limited": Action("Workspace's quota set by an operator", "user_updated", Severity.WARNING),
    "workspace.erased": Action("Workspace erased", "user_deleted", Severity.WARNING),
    "job.retried": Action("Failed job put back", "sensitive_update", Severity.NOTICE),
    "job.discarded": Action("Job dropped", "sensitive_delete", Severity.WARNING),
    "review.acknowledged": Action("Refusals acknowledged", "sensitive_update"),
    "review.assigned": Action("Refusals taken on", "sensitive_update"),
    "review.released": Action("Refusals given back", "sensitive_update"),
    "review.resolved": Action("Refusals resolved", "sensitive_update", Severity.NOTICE),
    "review.reopened": Action("Refusals to be looked at again", "sensitive_update"),
    "review.noted": Action("Note written on refusals", "sensitive_create"),
    "filter.saved": Action("Operator saved filters", "sensitive_create"),
    "filter.removed": Action("Operator forgot saved filters", "sensitive_delete"),
    "address.blocked": Action("Address shut out", "sensitive_update", Severity.WARNING),
    "address.unblocked": Action("Address let in again", "sensitive_update", Severity.WARNING),
    "person.added": Action("Person added at the server's terminal", "user_created", Severity.WARNING),
    "operator.read": Action("Operator read metadata", "sensitive_read", Severity.NOTICE),
    "glass.asked": Action("Operator asked to break the glass", "privilege_permissions_changed", Severity.CRITICAL),
    "glass.declined": Action("Breaking the glass declined", "privilege_permissions_changed", Severity.WARNING),
    "glass.opened": Action(
        "Glass broken: an operator may read here", "privilege_permissions_changed", Severity.CRITICAL
    ),
    "glass.seen": Action("Operator read content", "sensitive_read", Severity.WARNING),
    "glass.closed": Action("Operator's visit over", "privilege_permissions_changed", Severity.WARNING),
    "glass.refused": Action("Content asked for without an open visit", "authz_fail", Severity.WARNING),
    "channel.created": Action("Notification channel added", "sensitive_create", Severity.WARNING),
    "channel.changed": Action("Notification channel paused or resumed", "sensitive_update", Severity.NOTICE),
    "channel.removed": Action("Notification channel removed", "sensitive_delete", Severity.WARNING),
    "channel.tested": Action("Notification channel tested", "sensitive_update"),
    "channel.failed": Action("Notification channel fails", "sys_monitor_disabled", Severity.WARNING),
    "notice_rule.changed": Action("Notification rule changed", "sensitive_update", Severity.WARNING),
    "notice_rule.removed": Action("Notification rule removed", "sensitive_delete", Severity.WARNING),
    "notice.retried": Action("Notification sent again", "sensitive_update", Severity.NOTICE),
    "audit.delayed": Action("Audit entries are late", "sys_monitor_disabled", Severity.CRITICAL),
    "audit.line_unreadable": Action("Unreadable line in the audit spool", "sys_monitor_disabled", Severity.WARNING),
    "audit.entry_undescribed": Action("Refusal that could not be described", "sys_monitor_disabled", Severity.CRITICAL),
    "audit.month_archived": Action("Old entries archived", "sensitive_read"),
    "audit.month_left": Action("Old entries left the trail", "sensitive_delete", Severity.NOTICE),
    "audit.archive_removed": Action("Archive of old entries deleted", "sensitive_delete", Severity.NOTICE),
    "audit.month_kept_back": Action("Old entries could not leave the trail", "sys_monitor_disabled", Severity.CRITICAL),
    "audit.archive_shortened": Action("Old refusals left the archive", "sys_monitor_disabled", Severity.WARNING),
    "audit.entry_rejected": Action("Entry rejected by the database", "sys_monitor_disabled", Severity.CRITICAL),
}

TARGETS = {
    "apikey": "API key",
    "agentfile": "agent's file",
    "entry": "audit entry",
    "membership": "member",
    "modelprovider": "model provider",
    "toolcall": "call of a tool",
    "toolserver": "server of tools",
    "operatorsession": "operator's session",
    "row": "row of the console",
    "visit": "operator's visit",
    "workspaceexport": "export",
    "workspaceimport": "import",
    "keepingchoice": "choice of what is kept",
}
"""The kinds of target whose own name is not a word that people use."""

OPERATORS, PIPELINE = "Operators", "Audit pipeline"
NOUNS = {
    "request": "Requests",
    "workspace": "Sign-in",
    "workspace.reached": OPERATORS,
    "workspace.suspended": "Workspace",
    "workspace.restored": "Workspace",
    "workspace.closing": "Workspace",
    "workspace.reopened": "Workspace",
    "workspace.limited": "Workspace",
    "workspace.erased": OPERATORS,
    "job.retried": OPERATORS,
    "job.discarded": OPERATORS,
    "credential": "Sign-in",
    "sign_in": "Sign-in",
    "password": "Sign-in",
    "member": "People",
    "member.signed_in": "Sign-in",
    "member.signed_out": "Sign-in",
    "second_factor": "Sign-in",
    "email": "Sign-in",
    "person": "People",
    "invitation": "People",
    "organization": "Sign-in",
    "ownership": "People",
    "directory": "People",
    "webhook": "Requests",
    "session": "Sign-in",
    "key": "API keys",
    "job": "Background jobs",
    "file": "Files",
    "agent": "Agents",
    "usage": "Usage",
    "keeping": "Workspace",
    "workspace.exported": "Workspace",
    "workspace.export_downloaded": "Workspace",
    "workspace.import_ordered": "Workspace",
    "workspace.imported": "Workspace",
    "workspace.import_refused": "Workspace",
    "workspace.import_trail_downloaded": "Workspace",
    "model": "Models",
    "provider": "Models",
    "secret": "Models",
    "budget": "Models",
    "tool_server": "Tools",
    "tool": "Tools",
    "conversation": "Conversations",
    "message": "Conversations",
    "trail": "Trail",
    "operator": OPERATORS,
    "metrics": OPERATORS,
    "review": OPERATORS,
    "check": OPERATORS,
    "filter": OPERATORS,
    "isolation": OPERATORS,
    "backup": OPERATORS,
    "address": OPERATORS,
    "audit": PIPELINE,
    "glass": "Operators' visits",
    "channel": "Notifications",
    "notice": OPERATORS,
    "notice_rule": OPERATORS,
}
"""Under which heading a person looks for an action: by its noun, or by its whole name where the noun has two."""


def action_words(name: str) -> str:
    """The words that a person reads for an action; the name itself for one that a later version has dropped."""
    known = ACTIONS.get(name)
    return known.words if known else name


def actions_of_a_trail() -> list[tuple[str, list[tuple[str, str]]]]:
    """The actions that can stand in a workspace's trail, grouped, for a list to choose from."""
    return [group for group in actions_of_everything() if group[0] not in (OPERATORS, PIPELINE)]


def actions_of_everything() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every action, grouped under the heading where a person looks for it."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, action in ACTIONS.items():
        heading = NOUNS.get(name) or NOUNS[name.partition(".")[0]]
        groups.setdefault(heading, []).append((name, action.words))
    return list(groups.items())


def outcome_of(action: str, status: int) -> Outcome:
    """How a request that was not simply answered ended: refused, failed at proving who one is, or broken on our side."""
    if status >= 500:
        return Outcome.ERROR
    return Outcome.FAILED if action.endswith("failed") else Outcome.DENIED
