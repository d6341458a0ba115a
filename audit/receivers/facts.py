"""How is a fact kept? In the transaction of whoever sent it, so that there is no change without its record."""

from collections.abc import Iterable, Sequence

from django.db.models import Model

from accounts.http import Tenant
from audit import entries, ledger


def keep(action: str, actor: Tenant | None, target: Model | None, **detail: object) -> None:
    """Store the entry of a fact, with the details that the receiver chose by name. Raises ``django.db.Error``.

    Without an actor it is AiAxis's own act, in the workspace that the target belongs to.
    """
    workspace_id = getattr(target, "workspace_id", None) if actor is None else None
    ledger.post_fact(entries.fact(action, actor=actor, target=target, workspace_id=workspace_id, detail=detail))


def keep_each(action: str, actor: Tenant | None, target: Model | None, **named: Sequence[str]) -> None:
    """``keep`` for a fact that names many: as many entries as it takes to name each, and one where there is none to name."""
    most = entries.MOST_LISTED
    longest = max(map(len, named.values()))
    for first in range(0, max(longest, 1), most):
        keep(action, actor, target, **{name: ids[first : first + most] for name, ids in named.items()})


def keep_shown(action: str, actor: Tenant, shown: Iterable[tuple[Model, int]], *, purpose: str) -> None:
    """Store one entry for each row of which so many passages were shown, in one statement."""
    found = [
        entries.fact(action, actor=actor, target=target, detail={"purpose": purpose, "passages": passages})
        for target, passages in shown
    ]
    if found:
        ledger.post_fact(*found)
