"""What do operators see of what happened in all workspaces together?"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.models import Workspace
from accounts.operators import OperatorAdmin, across, site
from accounts.pagination import Page, paginate
from audit import health, services
from audit.forms import OperatorFilter
from audit.models import Entry
from audit.queries import matching

ENTRIES_ON_A_PAGE = 50


class EntryAdmin(OperatorAdmin[Entry]):
    """Every workspace's entries, and those that belong to none: who probed, how, and what became of it."""

    purpose = "What was done and what was refused, in every workspace and by people of none."
    change_list_template = "audit/operator_entries.html"
    detail_template = "audit/operator_entry.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The entries that match the filters, newest first, with what is wrong with the pipeline above them."""
        form = OperatorFilter(request.GET)
        page: Page[Entry] = Page(items=[], next=None)
        names: list[str] = []
        if form.is_valid():
            chosen = form.chosen()
            names = chosen.names()
            found = self.get_queryset(request).filter(matching(chosen))
            page = paginate(found, request.GET.get("cursor"), ENTRIES_ON_A_PAGE)
        values = {
            **self.admin_site.each_context(request),
            "form": form,
            "page": page,
            "rows": _with_workspaces(page.items),
            "is_filtered": bool(names),
            "trouble": health.trouble(services.spool_folder()),
        }
        return TemplateResponse(request, self.change_list_template, values, status=422 if form.errors else 200)


def _with_workspaces(entries: list[Entry]) -> list[tuple[Entry, str]]:
    """Each entry with the name of its workspace, or of the one that was asked for; "" where there is none any more."""
    workspaces = [entry.workspace_id or entry.asked_workspace_id for entry in entries]
    names = _names({workspace for workspace in workspaces if workspace})
    return [
        (entry, names.get(workspace, "") if workspace else "")
        for entry, workspace in zip(entries, workspaces, strict=True)
    ]


def _names(ids: Iterable[UUID]) -> dict[UUID, str]:
    # Across the fence because the list is of every workspace's entries: ids and names of workspaces, nothing of theirs.
    return dict(across(Workspace).filter(pk__in=ids).values_list("id", "name"))


site.register(Entry, EntryAdmin)
