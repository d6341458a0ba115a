"""How is a fact kept? In the transaction of whoever sent it, so that there is no change without its record."""

from django.db.models import Model

from accounts.http import Tenant
from audit import entries, ledger


def keep(action: str, actor: Tenant, target: Model | None, **detail: object) -> None:
    """Store the entry of a fact, with the details that the receiver chose by name. Raises ``django.db.Error``."""
    ledger.post_fact(entries.fact(action, actor=actor, target=target, detail=detail))
