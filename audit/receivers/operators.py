"""What operators, and people at the server's terminal, did: refused unless a durable sink takes the entry."""

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from accounts import signals as accounts
from accounts.operators import Operator
from audit import entries, services


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


@receiver(accounts.organization_connected_here)
def organization_connected_here(
    sender: object, *, workspace_id: UUID, organization: str, domains: list[str], **kwargs: Any
) -> None:
    """Somebody at the server's terminal made a workspace trust a sign-in: refused unless a durable sink takes the entry."""
    detail = {"organization": organization, "domains": domains}
    services.record_or_refuse(entries.terminal("organization.connected", workspace_id=workspace_id, detail=detail))


@receiver(accounts.operator_read)
def operator_read(sender: object, *, operator: Operator, page: str, names: list[str], **kwargs: Any) -> None:
    """An operator is about to see a page of the console: refused unless a durable sink takes the entry."""
    detail = {"page": page, "filters": names}
    services.record_or_refuse(
        entries.operator_act("operator.read", operator_id=operator.user_id, name=operator.display_name, detail=detail)
    )
