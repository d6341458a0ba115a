"""Requests and jobs that were refused: what is kept of them? Spooled, since their own transaction may be rolled back."""

import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import signals as accounts
from accounts.http import Refusal, sent_in, tenant_of
from accounts.operators import operator_of
from accounts.requests import current_request
from accounts.routes import route_of
from audit import entries, services

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
        entry = entries.denial(
            context,
            status=status,
            refusal=refusal,
            actor=actor,
            target=target,
            reached=reached,
            sent=sent_in(request),
        )
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


@receiver(accounts.job_failed)
def job_failed(sender: object, *, job_id: int, task: str, kind: str, place: str, **kwargs: Any) -> None:
    """A job failed for the last time: which, by what kind of error and where in our code, for whoever may have it run again."""
    refusal = Refusal("server_error", "job.failed", "warning", {"job": task, "kind": kind, "place": place})
    services.record(entries.denial(None, status=500, refusal=refusal, actor=None, target=("job", str(job_id))))


def _asked_for(request: HttpRequest, refusal: Refusal) -> tuple[tuple[str, str], list[UUID]]:
    """What the address names first, as kind and id (`<uuid:file_id>` is a file), and every further id that was asked for."""
    named = route_of(request).arguments
    if any(name == "token" for name, _ in named):
        # A mailed link's secret: whoever reads the trail must not be able to follow it.
        return ("link", ""), list(refusal.reached)
    # An agent's key is its id or its slug.
    targets = [("agent" if name == "key" else name.removesuffix("_id"), value) for name, value in named]
    further = []
    for _, value in targets[1:]:
        with suppress(ValueError):
            further.append(UUID(value))
    return targets[0] if targets else ("", ""), [*further, *refusal.reached]
