"""What does the frame of a page show besides the page?"""

from __future__ import annotations

from typing import Any

from django import template

from accounts import queries
from accounts.http import tenant_of
from accounts.queries import Place

register = template.Library()


@register.simple_tag(takes_context=True)
def places_beside(context: dict[str, Any]) -> list[Place]:
    """The other workspaces of whoever looks at the page; none for somebody who has one."""
    tenant = tenant_of(context["request"])
    return [] if tenant is None else queries.places_beside(tenant)
