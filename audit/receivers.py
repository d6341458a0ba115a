"""What does the audit hear, and what does it keep of it?

One short function for each signal of each app. A receiver names the facts that it keeps: what a signal carries besides
is not recorded. Facts are stored in the sender's transaction, so they raise; denials are spooled, so they never do.
"""

import logging
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import signals as accounts
from accounts.http import Refusal, Tenant, tenant_of
from accounts.operators import Operator, operator_of
from accounts.requests import current_request
from agents import signals as agents
from audit import entries, ledger, services
from conversations import signals as conversations
from files import signals as files

logger = logging.getLogger(__name__)


@receiver(accounts.access_denied)
def access_denied(
    sender: object, *, request: HttpRequest, response: HttpResponseBase, refusal: Refusal, **kwargs: Any
) -> None:
    """A request was refused: spooled, since its own transaction may be rolled back and the database away."""
    context, status = current_request(), response.status_code
    try:
        actor = tenant_of(request) or operator_of(request)
        entry = entries.denial(context, status=status, refusal=refusal, actor=actor, target=_target_of(request))
    except Exception as error:
        # Whatever a request contains, it must not keep itself out of the trail by breaking what describes it.
        logger.exception("A refusal could not be described; its bare fact is recorded.")
        entry = entries.undescribed(context, status=status, error=error)
    services.record(entry)


@receiver(accounts.job_refused)
def job_refused(
    sender: object, *, job_id: int, task: str, refusal: Refusal, workspace_id: UUID | None, **kwargs: Any
) -> None:
    """A worker refused a job. What the job claims about its workspace is unproven, so it stands in nobody's trail."""
    entry = entries.denial(None, status=403, refusal=refusal, actor=None, target=("job", str(job_id)))
    entry["asked_workspace_id"] = str(workspace_id) if workspace_id else None
    services.record(entry)


@receiver(accounts.signed_in)
def signed_in(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A session began."""
    _keep("member.signed_in", actor, target)


@receiver(accounts.signed_out)
def signed_out(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person ended the session that they were using."""
    _keep("member.signed_out", actor, target)


@receiver(accounts.session_revoked)
def session_revoked(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person ended a session of theirs elsewhere."""
    _keep("session.revoked", actor, target)


@receiver(accounts.password_changed)
def password_changed(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person replaced their password."""
    _keep("password.changed", actor, target)


@receiver(accounts.password_reset_asked)
def password_reset_asked(sender: object, *, account: str, mask: str, **kwargs: Any) -> None:
    """Somebody asked for a link to a new password: in no workspace's trail, for nobody knows yet whose account it is."""
    services.record_or_refuse(entries.stranger("password.reset_asked", {"account": account, "mask": mask}))


@receiver(accounts.password_reset)
def password_reset(sender: object, *, actor: Tenant | None, target: Model | None, **kwargs: Any) -> None:
    """A mailed link set a new password; for somebody in no workspace the entry stands in no workspace's trail."""
    if actor is None:
        services.record_or_refuse(entries.stranger("password.reset", {}))
    else:
        _keep("password.reset", actor, target)


@receiver(accounts.second_factor_changed)
def second_factor_changed(sender: object, *, actor: Tenant, target: Model, is_on: bool, **kwargs: Any) -> None:
    """A person switched their second factor on or off."""
    _keep("second_factor.switched_on" if is_on else "second_factor.switched_off", actor, target)


@receiver(accounts.second_factor_removed)
def second_factor_removed(sender: object, *, subject: str, **kwargs: Any) -> None:
    """Somebody at the server's terminal removed a second factor: refused unless a durable sink takes the entry."""
    services.record_or_refuse(entries.terminal("second_factor.removed", workspace_id=None, detail={"subject": subject}))


@receiver(accounts.recovery_codes_made)
def recovery_codes_made(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person made their recovery codes anew."""
    _keep("second_factor.codes_made", actor, target)


@receiver(accounts.recovery_code_used)
def recovery_code_used(sender: object, *, actor: Tenant, target: Model, left: int, **kwargs: Any) -> None:
    """A recovery code stood in for an authenticator."""
    _keep("second_factor.code_used", actor, target, left=left)


@receiver(accounts.email_change_asked)
def email_change_asked(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person asked for another address, which is not kept."""
    _keep("email.change_asked", actor, target)


@receiver(accounts.email_changed)
def email_changed(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person's confirmed address took the place of the old one."""
    _keep("email.changed", actor, target)


@receiver(accounts.stepped_up)
def stepped_up(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person proved anew who they are."""
    _keep("member.stepped_up", actor, target)


@receiver(accounts.operator_enrolled)
def operator_enrolled(sender: object, *, user_id: UUID, email: str, **kwargs: Any) -> None:
    """An operator set a second factor up: refused unless a durable sink takes the entry."""
    services.record_or_refuse(entries.operator_act("operator.enrolled", operator_id=user_id, name=email, detail={}))


@receiver(accounts.operator_recovery_used)
def operator_recovery_used(sender: object, *, user_id: UUID, email: str, **kwargs: Any) -> None:
    """An operator came in by a recovery code: refused unless a durable sink takes the entry."""
    services.record_or_refuse(
        entries.operator_act("operator.recovery_used", operator_id=user_id, name=email, detail={})
    )


@receiver(accounts.api_key_created)
def api_key_created(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A member made a key: its shown prefix and its scopes say which and how powerful."""
    _keep("key.created", actor, target, prefix=getattr(target, "prefix", ""), scopes=getattr(target, "scopes", []))


@receiver(accounts.api_key_revoked)
def api_key_revoked(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A member withdrew a key."""
    _keep("key.revoked", actor, target, prefix=getattr(target, "prefix", ""))


@receiver(accounts.operator_signed_in)
def operator_signed_in(sender: object, *, user_id: UUID, email: str, **kwargs: Any) -> None:
    """An operator came in: refused unless a durable sink takes the entry."""
    services.record_or_refuse(entries.operator_act("operator.signed_in", operator_id=user_id, name=email, detail={}))


@receiver(accounts.operator_signed_out)
def operator_signed_out(sender: object, *, user_id: UUID, email: str, **kwargs: Any) -> None:
    """An operator left; nothing may keep them in."""
    services.record(entries.operator_act("operator.signed_out", operator_id=user_id, name=email, detail={}))


@receiver(accounts.person_added)
def person_added(sender: object, *, user_id: UUID, workspace_id: UUID | None, role: str, **kwargs: Any) -> None:
    """Somebody at the server's terminal let a person in: refused unless a durable sink takes the entry."""
    detail = {"user": str(user_id), "role": role}
    services.record_or_refuse(entries.terminal("person.added", workspace_id=workspace_id, detail=detail))


@receiver(accounts.operator_read)
def operator_read(sender: object, *, operator: Operator, page: str, names: list[str], **kwargs: Any) -> None:
    """An operator is about to see a page of the console: refused unless a durable sink takes the entry."""
    detail = {"page": page, "filters": names}
    services.record_or_refuse(
        entries.operator_act("operator.read", operator_id=operator.user_id, name=operator.display_name, detail=detail)
    )


@receiver(agents.agent_created)
def agent_created(sender: object, *, actor: Tenant, target: Model, visibility: str, files: int, **kwargs: Any) -> None:
    """An agent was made."""
    _keep("agent.created", actor, target, visibility=visibility, files=files)


@receiver(agents.agent_changed)
def agent_changed(sender: object, *, actor: Tenant, target: Model, fields: list[str], **kwargs: Any) -> None:
    """An agent was changed: which fields, never what they say."""
    _keep("agent.changed", actor, target, fields=fields)


@receiver(agents.agent_visibility_changed)
def agent_visibility_changed(sender: object, *, actor: Tenant, target: Model, visibility: str, **kwargs: Any) -> None:
    """An agent was opened to the workspace, or closed again."""
    _keep("agent.visibility_changed", actor, target, visibility=visibility)


@receiver(agents.agent_files_changed)
def agent_files_changed(
    sender: object, *, actor: Tenant, target: Model, attached: list[str], detached: list[str], **kwargs: Any
) -> None:
    """An agent got files or lost some: their ids."""
    _keep("agent.files_changed", actor, target, attached=attached, detached=detached)


@receiver(agents.agent_archived)
def agent_archived(sender: object, *, actor: Tenant, target: Model, archived: bool, **kwargs: Any) -> None:
    """An agent went into the archive or came out of it."""
    _keep("agent.archived" if archived else "agent.restored", actor, target)


@receiver(agents.agent_deleted)
def agent_deleted(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """An agent was deleted."""
    _keep("agent.deleted", actor, target)


@receiver(agents.file_read)
def file_read(sender: object, *, actor: Tenant, target: Model, agent_id: UUID, passages: int, **kwargs: Any) -> None:
    """An agent read passages of a file for a member, whatever its answer will say (L36)."""
    _keep("file.read", actor, target, agent=str(agent_id), passages=passages)


@receiver(files.file_uploaded)
def file_uploaded(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A file was taken in."""
    _keep("file.uploaded", actor, target)


@receiver(files.file_requeued)
def file_requeued(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A file is to be read anew."""
    _keep("file.requeued", actor, target)


@receiver(files.file_ready)
def file_ready(sender: object, *, actor: Tenant, target: Model, pages: int, passages: int, **kwargs: Any) -> None:
    """A file was read and can be asked about."""
    _keep("file.ready", actor, target, pages=pages, passages=passages)


@receiver(files.file_refused)
def file_refused(sender: object, *, actor: Tenant, target: Model, reason: str, **kwargs: Any) -> None:
    """A file could not be taken."""
    _keep("file.refused", actor, target, cause=reason)


@receiver(files.file_shared)
def file_shared(sender: object, *, actor: Tenant, target: Model, before: str, after: str, **kwargs: Any) -> None:
    """A file was opened to the workspace, or closed again."""
    _keep("file.shared", actor, target, before=before, after=after)


@receiver(files.file_deleted)
def file_deleted(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A file was deleted with all that was made of it."""
    _keep("file.deleted", actor, target)


@receiver(files.file_downloaded)
def file_downloaded(sender: object, *, actor: Tenant, target: Model, partial: bool, **kwargs: Any) -> None:
    """A file's bytes were given out."""
    _keep("file.downloaded", actor, target, partial=partial)


@receiver(files.passages_read)
def passages_read(sender: object, *, actor: Tenant, target: Model, purpose: str, passages: int, **kwargs: Any) -> None:
    """A person was shown text of a file."""
    _keep("file.shown", actor, target, purpose=purpose, passages=passages)


@receiver(files.passages_searched)
def passages_searched(sender: object, *, actor: Tenant, files: list[UUID], passages: int, **kwargs: Any) -> None:
    """A person searched and was shown excerpts: of which files, never for which words."""
    _keep("file.searched", actor, None, files=files, passages=passages)


@receiver(conversations.conversation_started)
def conversation_started(sender: object, *, actor: Tenant, target: Model, agent_id: UUID, **kwargs: Any) -> None:
    """A conversation was begun."""
    _keep("conversation.started", actor, target, agent=agent_id)


@receiver(conversations.question_asked)
def question_asked(
    sender: object, *, actor: Tenant, target: Model, conversation_id: UUID, agent_id: UUID, again: bool, **kwargs: Any
) -> None:
    """A question was asked, or its answer wanted once more; never what was asked."""
    _keep("message.asked", actor, target, conversation=conversation_id, agent=agent_id, again=again)


@receiver(conversations.answer_finished)
def answer_finished(
    sender: object, *, actor: Tenant, target: Model, status: str, refused: bool, citations: int, **kwargs: Any
) -> None:
    """An answer came to its end."""
    _keep("message.finished", actor, target, status=status, no_answer=refused, citations=citations)


@receiver(conversations.answer_stop_requested)
def answer_stop_requested(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """Somebody asked to stop an answer."""
    _keep("message.stopped", actor, target)


@receiver(conversations.conversation_renamed)
def conversation_renamed(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A conversation got another title, which is content and is not kept."""
    _keep("conversation.renamed", actor, target)


@receiver(conversations.conversation_deleted)
def conversation_deleted(sender: object, *, actor: Tenant, target: Model, messages: int, **kwargs: Any) -> None:
    """A conversation was deleted with all that it held."""
    _keep("conversation.deleted", actor, target, messages=messages)


def _target_of(request: HttpRequest) -> tuple[str, str]:
    """The kind and id of the object that the address names: `<uuid:file_id>` is a file; ("", "") when it names none."""
    match = request.resolver_match
    for name, value in (match.kwargs if match else {}).items():
        # An agent's key is its id or its slug.
        return "agent" if name == "key" else name.removesuffix("_id"), str(value)
    return "", ""


def _keep(action: str, actor: Tenant, target: Model | None, **detail: object) -> None:
    ledger.post_fact(entries.fact(action, actor=actor, target=target, detail=detail))
