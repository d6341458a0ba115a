"""Where in the console do visits stand? Registered like every other list; importing this file does it."""

from __future__ import annotations

from typing import Any

from django.urls import path

from accounts.glass import sections, views
from accounts.glass.models import Visit
from accounts.operators import OperatorAdmin, site


class VisitAdmin(OperatorAdmin[Visit]):
    """Break-glass: the only way to a workspace's content, for a time, with a reason, and seen by its owners."""

    purpose = "Look at one workspace’s content: for a reason, for a time, and seen by its owners."
    room = "Customers"

    def get_urls(self) -> list[Any]:
        """The list, one visit, what can be done with it, and the pages that an open one shows."""
        look, act = site.admin_view, site.act_view
        one = "<uuid:visit_id>/"
        return [
            path("", look(views.visit_list), name="accounts_visit_changelist"),
            path("new/<uuid:place_id>/", look(views.visit_new), name="glass_new"),
            path("new/<uuid:place_id>/ask/", act(views.ask, is_sensitive=True), name="glass_ask"),
            path(one, look(views.visit_one), name="accounts_visit_change"),
            path(f"{one}approve/", act(views.approve, is_sensitive=True), name="glass_approve"),
            path(f"{one}decline/", act(views.decline), name="glass_decline"),
            path(f"{one}close/", act(views.close), name="glass_close"),
            *sections.urls(),
        ]


site.register(Visit, VisitAdmin)
