"""How does somebody keep filters under a name, and forget them again?"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import connections, transaction

from accounts.counting import count_alone
from accounts.http import Tenant
from accounts.operators import Operator
from accounts.tenancy import claims
from accounts.tenancy.models import new_id
from audit import entries, services
from audit.filters.models import MOST_FILTERS, OwnFilter

PURPOSE: Final = "operator filter"
_KEEP: Final = "SELECT fence.keep_console_filter(%s)"


class TooManyFilters(Exception):
    """There are as many as one may keep."""


def save(*, actor: Tenant, name: str, query: str) -> None:
    """Keep a member's filters of the trail; the same name again means the new ones. Raises ``TooManyFilters``."""
    with transaction.atomic():
        count_alone(actor, "filters")
        own = OwnFilter.objects.filter(membership_id=actor.membership_id)
        own.filter(name=name).delete()
        if own.count() >= MOST_FILTERS:
            raise TooManyFilters
        OwnFilter(membership_id=actor.membership_id, name=name, query=query).save(force_insert=True)


def remove(*, kept: OwnFilter) -> None:
    """Forget a member's filter."""
    kept.delete()


def save_for(operator: Operator, *, place: str, name: str, query: str) -> None:
    """Keep an operator's filters of a list. Raises ``TooManyFilters`` and ``audit.services.Unrecorded``, which undo it."""
    with transaction.atomic():
        if not _keep(operator, "save", new_id(), place=place, name=name, query=query):
            raise TooManyFilters
        _record(operator, "filter.saved", place=place)


def remove_for(operator: Operator, *, kept: UUID) -> bool:
    """Forget an operator's filter; False if it is none of theirs. Raises ``audit.services.Unrecorded``, which undoes it."""
    with transaction.atomic():
        if not _keep(operator, "remove", kept):
            return False
        _record(operator, "filter.removed")
    return True


def _keep(operator: Operator, act: str, kept: UUID, **words: str) -> bool:
    sealed = claims.sealed(PURPOSE, session=str(operator.session_id), act=act, id=str(kept), **words)
    with connections["default"].cursor() as cursor:
        cursor.execute(_KEEP, [sealed])
        return bool(cursor.fetchone() == (True,))


def _record(operator: Operator, action: str, **detail: object) -> None:
    services.record_or_refuse(
        entries.operator_act(action, operator_id=operator.user_id, name=operator.display_name, detail=detail)
    )
