"""What operators did about looking at a workspace's content, and each page that they saw: in that workspace's own trail.

All of it is refused unless a durable sink takes the entry. The reason and the ticket are what the operator told the customer,
and are kept as such.
"""

from typing import Any

from django.dispatch import receiver

from accounts import signals as accounts
from accounts.models import Visit
from accounts.operators import Operator
from audit import entries, services


@receiver(accounts.glass_asked)
def glass_asked(sender: object, *, operator: Operator, visit: Visit, **kwargs: Any) -> None:
    """An operator asked."""
    _keep("glass.asked", operator, visit, {**_why(visit), "minutes": visit.minutes})


@receiver(accounts.glass_declined)
def glass_declined(sender: object, *, operator: Operator, visit: Visit, **kwargs: Any) -> None:
    """Another operator declined."""
    _keep("glass.declined", operator, visit, {**_why(visit), "asked_by": visit.operator_name})


@receiver(accounts.glass_opened)
def glass_opened(sender: object, *, operator: Operator, visit: Visit, **kwargs: Any) -> None:
    """The workspace can be read from now on."""
    told = {
        "asked_by": visit.operator_name,
        "approved_by": visit.approved_name or "nobody: there is no second operator",
        "until": visit.until.isoformat(timespec="seconds"),
    }
    _keep("glass.opened", operator, visit, {**_why(visit), **told})


@receiver(accounts.glass_closed)
def glass_closed(sender: object, *, operator: Operator | None, visit: Visit, **kwargs: Any) -> None:
    """It cannot any more."""
    told = {"asked_by": visit.operator_name, "how": visit.how_it_ended, "pages": visit.pages}
    _keep("glass.closed", operator, visit, {**_why(visit), **told})


@receiver(accounts.glass_seen)
def glass_seen(
    sender: object, *, operator: Operator, visit: Visit, page: str, target: tuple[str, str], **kwargs: Any
) -> None:
    """An operator is about to see a page of content."""
    _keep("glass.seen", operator, visit, {"page": page, "visit": str(visit.pk), "ticket": visit.ticket}, target)


def _why(visit: Visit) -> dict[str, object]:
    return {"reason": visit.reason, "ticket": visit.ticket}


def _keep(
    action: str,
    operator: Operator | None,
    visit: Visit,
    detail: dict[str, object],
    target: tuple[str, str] | None = None,
) -> None:
    """Store the entry in the trail of the workspace that is visited; AiAxis's own where time did it."""
    if operator is None:
        entry = entries.fact(action, actor=None, workspace_id=visit.workspace_id, detail=detail)
    else:
        entry = entries.operator_act(action, operator_id=operator.user_id, name=operator.display_name, detail=detail)
    # One visit is never told of as "one more" of another.
    about = str(visit.pk)
    target = target or ("visit", about)
    services.record_or_refuse(entries.in_trail_of(entry, workspace_id=visit.workspace_id, target=target, about=about))
