"""Requests and jobs that were refused: what is kept of them? Spooled, since their own transaction may be rolled back."""

import logging
from typing import Any
from uuid import UUID

from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import signals as accounts
from accounts.http import Refusal, tenant_of
from accounts.operators import operator_of
from accounts.requests import current_request
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


def _target_of(request: HttpRequest) -> tuple[str, str]:
    """The kind and id of the object that the address names: `<uuid:file_id>` is a file; ("", "") when it names none."""
    match = request.resolver_match
    for name, value in (match.kwargs if match else {}).items():
        if name == "token":
            # A mailed link's secret: whoever reads the trail must not be able to follow it.
            return "link", ""
        # An agent's key is its id or its slug.
        return "agent" if name == "key" else name.removesuffix("_id"), str(value)
    return "", ""
