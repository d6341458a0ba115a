"""What does the audit hear, and what does it keep of it?

One short function for each signal of each app. A receiver names the facts that it keeps: what a signal carries besides
is not recorded. Facts are stored in the sender's transaction, so they raise; denials are spooled, so they never do.
"""

import logging
from contextlib import suppress
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
from accounts.routes import route_of
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
        target, reached = _asked_for(request, refusal)
        entry = entries.denial(context, status=status, refusal=refusal, actor=actor, target=target, reached=reached)
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


def _asked_for(request: HttpRequest, refusal: Refusal) -> tuple[tuple[str, str], list[UUID]]:
    """What the address names first, as kind and id (`<uuid:file_id>` is a file), and every further id that was asked for."""
    named = route_of(request).arguments
    # An agent's key is its id or its slug.
    targets = [("agent" if name == "key" else name.removesuffix("_id"), value) for name, value in named]
    further = []
    for _, value in targets[1:]:
        with suppress(ValueError):
            further.append(UUID(value))
    return targets[0] if targets else ("", ""), [*further, *refusal.reached]


def _keep(action: str, actor: Tenant, target: Model | None, **detail: object) -> None:
    ledger.post_fact(entries.fact(action, actor=actor, target=target, detail=detail))
