"""What do operators see of what happened in all workspaces together?"""

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import path

from accounts.models import Workspace
from accounts.operators import OperatorAdmin, across, site
from accounts.pagination import Page, paginate
from audit import health, services
from audit.filters import queries as kept
from audit.filters import views as filters
from audit.filters.forms import encoded
from audit.filters.models import ConsoleFilter
from audit.forms import OperatorFilter
from audit.models import Entry
from audit.queries import matching
from audit.reviews import views as reviews
from audit.reviews.models import Review

ENTRIES_ON_A_PAGE = 50


class EntryAdmin(OperatorAdmin[Entry]):
    """Every workspace's entries, and those that belong to none: who probed, how, and what became of it."""

    purpose = "What was done and what was refused, in every workspace and outside of any."
    room = "Audit"
    change_list_template = "audit/operator_entries.html"
    detail_template = "audit/operator_entry.html"

    def get_urls(self) -> list[Any]:
        """The list, one entry, and the filters that an operator keeps."""
        place, act = {"place": ConsoleFilter.Place.ENTRIES}, site.act_view
        return [
            path("filters/save/", act(filters.save_for), place, name="audit_entry_filter_save"),
            path("filters/<uuid:filter_id>/remove/", act(filters.remove_for), place, name="audit_entry_filter_remove"),
            *super().get_urls(),
        ]

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
            "query": encoded(form),
            "saved": kept.of(request.operator, ConsoleFilter.Place.ENTRIES),  # type: ignore[attr-defined]  # by admin_view
            "trouble": [*health.trouble(services.spool_folder()), *health.kept_back(services.spool_folder())],
        }
        return TemplateResponse(request, self.change_list_template, values, status=422 if form.errors else 200)

    def row_view(self, request: HttpRequest, row_id: UUID) -> TemplateResponse:
        """One entry, with the workspace that it belongs to or that was asked for: a message leads here, past the list."""
        page = super().row_view(request, row_id)
        values: dict[str, Any] = page.context_data or {}
        page.context_data = {**values, "workspace": _workspace_of(values["row"])}
        return page


def _with_workspaces(entries: list[Entry]) -> list[tuple[Entry, str]]:
    """Each entry with the name of its workspace, or of the one that was asked for; "" where there is none any more."""
    workspaces = [entry.workspace_id or entry.asked_workspace_id for entry in entries]
    names = _names({workspace for workspace in workspaces if workspace})
    return [
        (entry, names.get(workspace, "") if workspace else "")
        for entry, workspace in zip(entries, workspaces, strict=True)
    ]


def _workspace_of(entry: Entry) -> Workspace | None:
    workspace = entry.workspace_id or entry.asked_workspace_id
    # Across the fence because the entry is any workspace's: the id and the name, nothing of theirs.
    return across(Workspace).only("id", "name").filter(pk=workspace).first() if workspace else None


def _names(ids: Iterable[UUID]) -> dict[UUID, str]:
    # Across the fence because the list is of every workspace's entries: ids and names of workspaces, nothing of theirs.
    return dict(across(Workspace).filter(pk__in=ids).values_list("id", "name"))


class ReviewAdmin(OperatorAdmin[Review]):
    """The queue in which operators review what was refused, kind by kind."""

    purpose = "What was refused, kind by kind: see it, take it on, act on it, say what it was."
    place = 5

    def get_urls(self) -> list[Any]:
        """The queue, one group, and one address for each thing that can be done."""
        look, act = site.admin_view, site.act_view
        one, place = "<slug:fingerprint>/", {"place": ConsoleFilter.Place.QUEUE}
        states = [
            path(f"{one}{act_}/", act(reviews.state), {"act": act_}, name=f"review_{act_}") for act_ in reviews.STATES
        ]
        members = [
            path(
                f"{one}<uuid:entry_id>/{verb}/",
                act(reviews.member, is_sensitive=True),
                {"act": verb},
                name=f"review_{verb}",
            )
            for verb in reviews.MEMBER_ACTS
        ]
        return [
            path("", look(partial(reviews.queue, self)), name="audit_review_changelist"),
            path("filters/save/", act(filters.save_for), place, name="review_filter_save"),
            path("filters/<uuid:filter_id>/remove/", act(filters.remove_for), place, name="review_filter_remove"),
            path("unblock/", act(reviews.unblock), name="review_unblock"),
            path(one, look(partial(reviews.group, self)), name="review_group"),
            path(f"{one}resolve/", act(reviews.resolve), name="review_resolve"),
            path(f"{one}note/", act(reviews.note), name="review_note"),
            path(f"{one}block/", act(reviews.block), name="review_block"),
            *states,
            *members,
        ]


site.register(Review, ReviewAdmin)
site.register(Entry, EntryAdmin)
