"""At which pages do operators see workspaces, people and jobs, and by which requests do they act on them?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User, Workspace
from accounts.operators import OperatorAdmin, OperatorRequest, site
from accounts.pagination import Page, paginate
from accounts.services import waiting_jobs, workspaces
from accounts.services.workspaces import CameTooLate
from aiaxis.console import overview, people, usage, work
from aiaxis.console.forms import NameForm, PeopleFilter, QuotaForm, ReasonForm, WorkspaceFilter
from audit.reviews import services as reviews
from audit.reviews.views import DONE, MEMBER_ACTS

ROWS_ON_A_PAGE: Final = 25
_WORKSPACE, _PERSON = "operator:accounts_workspace_change", "operator:accounts_user_change"
_JOBS: Final = "operator:procrastinate_procrastinatejob_changelist"


class WorkspaceAdmin(OperatorAdmin[Workspace]):
    """Every workspace: who and how much, never what."""

    label, place, room = "Workspaces", 10, "Customers"
    purpose = (
        "Every workspace: how much it has, and whether it is open. Set what it may keep, suspend it, or have it erased."
    )

    def get_urls(self) -> list[Any]:
        """The list, one workspace, and a verb each."""
        act, one, name = site.act_view, "<uuid:row_id>/", "accounts_workspace"
        return [
            *super().get_urls(),
            path(f"{one}suspend/", act(self.suspend_view, is_sensitive=True), name=f"{name}_suspend"),
            path(f"{one}restore/", act(self.restore_view, is_sensitive=True), name=f"{name}_restore"),
            path(f"{one}close/", act(self.close_view, is_sensitive=True), name=f"{name}_close"),
            path(f"{one}reopen/", act(self.reopen_view, is_sensitive=True), name=f"{name}_reopen"),
            path(f"{one}limit/", act(self.limit_view, is_sensitive=True), name=f"{name}_limit"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The newest first; what each has is counted for those that are shown."""
        form = WorkspaceFilter(request.GET)
        page: Page[Workspace] = Page(items=[], next=None)
        if form.is_valid():
            found = usage.searched(form.cleaned_data["q"], form.cleaned_data["status"])
            page = paginate(found, request.GET.get("cursor"), ROWS_ON_A_PAGE)
        values = {"form": form, "page": page, "rows": usage.of_page(page.items), "is_filtered": any(form.data.values())}
        return _page(request, "workspaces", values, status=422 if form.errors else 200)

    def row_view(self, request: HttpRequest, row_id: UUID) -> TemplateResponse:
        """One workspace, and what can be done with it."""
        return self._shown(request, self._row(row_id))

    def suspend_view(self, request: OperatorRequest, row_id: UUID) -> HttpResponseBase:
        """Close its doors for a time."""
        row, form = self._row(row_id), ReasonForm(request.POST)
        if not form.is_valid():
            return self._shown(request, row, suspending=form)
        return _done(
            request,
            lambda: workspaces.suspend(request.operator, workspace_id=row_id, reason=form.cleaned_data["reason"]),
            "The workspace is suspended. Nobody gets in until it is restored.",
            _WORKSPACE,
            row_id,
        )

    def restore_view(self, request: OperatorRequest, row_id: UUID) -> HttpResponseBase:
        """Open its doors again."""
        self._row(row_id)
        told = "The workspace is open again."
        return _done(
            request, lambda: workspaces.restore(request.operator, workspace_id=row_id), told, _WORKSPACE, row_id
        )

    def close_view(self, request: OperatorRequest, row_id: UUID) -> HttpResponseBase:
        """Close it, and have it erased when the grace is over."""
        row = self._row(row_id)
        form = NameForm(request.POST, workspace=row.name)
        if not form.is_valid():
            return self._shown(request, row, closing=form)
        return _done(
            request,
            lambda: workspaces.close(request.operator, workspace_id=row_id, reason=form.cleaned_data["reason"]),
            f"The workspace is closed. It is erased in {workspaces.GRACE_DAYS} days, unless you call that off.",
            _WORKSPACE,
            row_id,
        )

    def reopen_view(self, request: OperatorRequest, row_id: UUID) -> HttpResponseBase:
        """Call the erasure off."""
        self._row(row_id)
        told = "The erasure is called off, and the workspace is open again."
        return _done(
            request, lambda: workspaces.reopen(request.operator, workspace_id=row_id), told, _WORKSPACE, row_id
        )

    def limit_view(self, request: OperatorRequest, row_id: UUID) -> HttpResponseBase:
        """Set how much it may keep."""
        row, form = self._row(row_id), QuotaForm(request.POST, auto_id="limit_%s")
        if not form.is_valid():
            return self._shown(request, row, limiting=form)
        return _done(
            request,
            lambda: workspaces.limit(request.operator, workspace_id=row_id, **form.cleaned_data),
            "The quota is set. It counts from the next upload; nothing that is kept goes.",
            _WORKSPACE,
            row_id,
        )

    def _row(self, row_id: UUID) -> Workspace:
        row = usage.searched("", "").filter(pk=row_id).first()
        if row is None:
            raise Http404("There is no such workspace.")
        return row

    def _shown(self, request: HttpRequest, row: Workspace, **forms: ReasonForm) -> TemplateResponse:
        values = {
            "row": row,
            "details": usage.details(row),
            "suspending": ReasonForm(auto_id="suspend_%s"),
            "limiting": QuotaForm(initial=usage.limits(row), auto_id="limit_%s"),
            "closing": NameForm(workspace=row.name, auto_id="close_%s"),
            "grace_days": workspaces.GRACE_DAYS,
            **forms,
        }
        return _page(request, "workspace", values, status=422 if forms else 200)


class PersonAdmin(OperatorAdmin[User]):
    """Every person: where they belong and how they come in."""

    label, place, room = "People", 20, "Customers"
    purpose = "Find somebody by address or name: where they belong, when they came in last, what opens for them."

    def get_urls(self) -> list[Any]:
        """The list, one person, and a verb each for one of their memberships."""
        one = "<uuid:row_id>/<uuid:member_id>/"
        return [
            *super().get_urls(),
            *(
                path(
                    f"{one}{verb}/",
                    site.act_view(self.act_on_member, is_sensitive=True),
                    {"act": verb},
                    name=f"accounts_user_{verb}",
                )
                for verb in MEMBER_ACTS
            ),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The people who match, those who came last first."""
        form = PeopleFilter(request.GET)
        page: Page[User] = Page(items=[], next=None)
        if form.is_valid():
            page = paginate(people.searched(form.cleaned_data["q"]), request.GET.get("cursor"), ROWS_ON_A_PAGE)
        values = {
            "form": form,
            "page": page,
            "rows": people.of_page(page.items),
            "is_filtered": any(form.data.values()),
        }
        return _page(request, "people", values, status=422 if form.errors else 200)

    def row_view(self, request: HttpRequest, row_id: UUID) -> TemplateResponse:
        """One person."""
        user = people.searched("").filter(pk=row_id).first()
        if user is None:
            raise Http404("There is no such person.")
        return _page(request, "person", {"row": user, "known": people.known(user)})

    def act_on_member(self, request: OperatorRequest, row_id: UUID, member_id: UUID, act: str) -> HttpResponseBase:
        """End the sessions, withdraw the keys, suspend or readmit a person in one of their workspaces."""
        member = people.member_of(row_id, member_id)
        if member is None:
            raise Http404("This person has no such membership.")
        verb = MEMBER_ACTS[act]
        return _done(
            request,
            lambda: verb(request.operator, member=member_id, workspace=member.workspace_id),
            DONE[act],
            _PERSON,
            row_id,
        )


class JobAdmin(OperatorAdmin[ProcrastinateJob]):
    """The background work: what waits, what failed and why."""

    label, place = "Jobs", 30
    purpose = "What waits in the background, and what failed: why, and whether it should run again."

    def get_urls(self) -> list[Any]:
        """The page, and a verb each for one job."""
        name = "procrastinate_procrastinatejob"
        return [
            path("", site.admin_view(self.changelist_view), name=f"{name}_changelist"),
            path("<int:job_id>/retry/", site.act_view(self.retry_view), name=f"{name}_retry"),
            path("<int:job_id>/discard/", site.act_view(self.discard_view), name=f"{name}_discard"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The numbers, the failures, and what waits longest."""
        values = {"jobs": overview.jobs(), "failed": work.failed(), "unfinished": work.unfinished()}
        return _page(request, "jobs", values)

    def retry_view(self, request: OperatorRequest, job_id: int) -> HttpResponseBase:
        """Have a failed one run again."""
        return _done(
            request, lambda: waiting_jobs.retry(request.operator, job_id=_fit(job_id)), "The job waits again.", _JOBS
        )

    def discard_view(self, request: OperatorRequest, job_id: int) -> HttpResponseBase:
        """Drop one that waits or has failed."""
        return _done(
            request, lambda: waiting_jobs.discard(request.operator, job_id=_fit(job_id)), "The job is dropped.", _JOBS
        )


def _page(request: HttpRequest, name: str, values: dict[str, Any], status: int = 200) -> TemplateResponse:
    return TemplateResponse(
        request, f"aiaxis/operator_{name}.html", {**site.each_context(request), **values}, status=status
    )


def _done(request: HttpRequest, act: Callable[[], object], told: str, where: str, *row: UUID) -> HttpResponse:
    try:
        act()
    except (CameTooLate, reviews.CameTooLate):
        messages.warning(request, "Nothing changed: somebody else was faster, or it was done already.")
    else:
        messages.success(request, told)
    return redirect(where, *row)


def _fit(job_id: int) -> int:
    # A number that no row can have would be an error of the database's.
    if job_id >= 2**63:
        raise Http404("There is no such job.")
    return job_id


site.overview = overview.values
site.register(Workspace, WorkspaceAdmin)
site.register(User, PersonAdmin)
site.register(ProcrastinateJob, JobAdmin)
