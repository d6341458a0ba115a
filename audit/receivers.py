"""What does the audit hear, and what does it keep of it?

One short function for each signal of each app. A receiver names the facts that it keeps: what a signal carries besides
is not recorded. Facts are stored in the sender's transaction, so they raise; denials are spooled, so they never do.
"""

from typing import Any
from uuid import UUID

from django.db.models import Model
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import signals as accounts
from accounts.http import Refusal, Tenant, tenant_of
from accounts.requests import current_request
from audit import entries, ledger, services


@receiver(accounts.access_denied)
def access_denied(
    sender: object, *, request: HttpRequest, response: HttpResponseBase, refusal: Refusal, **kwargs: Any
) -> None:
    """A request was refused: spooled, since its own transaction may be rolled back and the database away."""
    entry = entries.denial(
        current_request(),
        status=response.status_code,
        refusal=refusal,
        actor=tenant_of(request),
        target=_target_of(request),
    )
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
        if isinstance(value, UUID):
            return name.removesuffix("_id"), str(value)
    return "", ""


def _keep(action: str, actor: Tenant, target: Model, **detail: object) -> None:
    ledger.post_fact(entries.fact(action, actor=actor, target=target, detail=detail))
