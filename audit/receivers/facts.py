"""How is a fact kept? In the transaction of whoever sent it, so that there is no change without its record."""

from django.db.models import Model

from accounts.http import Tenant
from audit import entries, ledger


def keep(action: str, actor: Tenant | None, target: Model | None, **detail: object) -> None:
    """Store the entry of a fact, with the details that the receiver chose by name. Raises ``django.db.Error``.

    Without an actor it is AiAxis's own act, in the workspace that the target belongs to.
    """
    workspace_id = getattr(target, "workspace_id", None) if actor is None else None
    ledger.post_fact(entries.fact(action, actor=actor, target=target, workspace_id=workspace_id, detail=detail))
