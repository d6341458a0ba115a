"""Which visit is open in the session of the operator who looks at this page? The banner on every page asks."""

from __future__ import annotations

from django import template

from accounts.glass import queries
from accounts.glass.models import Visit
from accounts.operators import Operator

register = template.Library()


@register.simple_tag
def open_visit(operator: Operator | None) -> tuple[Visit, str] | None:
    """The open visit and its workspace's name, or None."""
    return queries.open_visit(operator) if operator else None
