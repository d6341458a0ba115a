"""Which pages show a workspace's content to an operator whose visit is open?

Only the apps above know what content there is, and this floor imports none of them: so each says here which pages it has.
Every page is opened by one wrapper: it has the page counted and recorded, binds the visit, and has the answer made inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.db import ProgrammingError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.glass import queries, services
from accounts.glass.models import Visit
from accounts.http import Reason, Refusal, refuse
from accounts.identity.base import Unavailable
from accounts.operators import OperatorRequest, operator_required, site
from accounts.problems import unavailable
from accounts.tenancy.context import through_glass

INSUFFICIENT_PRIVILEGE: Final = "42501"
OVER = "This visit is not open, or not any more. Nothing of the workspace is shown by it."

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: where below its section it stands, under which name, what kind of row it shows, and its view.

    The name is one among all of the console's addresses, so it begins with `glass_`; the trail names the page without that. The view
    takes the request and the visit, and the row's id where its address has one; without one, what is looked at is the visit.
    """

    below: str
    name: str
    target: str
    view: View


@dataclass(frozen=True, slots=True)
class Section:
    """What a visit offers to look at: its first page is the list that the visit's own page links."""

    noun: str
    label: str
    pages: tuple[Page, ...]

    @property
    def url_name(self) -> str:
        """The name of the list's address."""
        return f"operator:{self.pages[0].name}"


SECTIONS: Final[list[Section]] = []


def shows(noun: str, label: str, *, pages: Iterable[Page]) -> None:
    """Register what an app lets an open visit look at."""
    SECTIONS.append(Section(noun, label, tuple(pages)))


def urls() -> list[URLPattern]:
    """The addresses of every section, below that of the visits."""
    return [
        path(f"<uuid:visit_id>/{section.noun}/{page.below}", _closed(page), name=page.name)
        for section in SECTIONS
        for page in section.pages
    ]


def shown(request: OperatorRequest, template: str, visit: Visit, **values: Any) -> TemplateResponse:
    """A page of a visit, in the console's look."""
    here = request.resolver_match.url_name if request.resolver_match else ""
    tabs = [
        {
            "label": section.label,
            "url": reverse(section.url_name, args=[visit.pk]),
            "current": here in {page.name for page in section.pages},
        }
        for section in SECTIONS
    ]
    common = {"visit": visit, "place": queries.name_of(visit.workspace_id), "tabs": tabs}
    return TemplateResponse(request, template, {**site.each_context(request), **common, **values})


def _closed(page: Page) -> Any:
    """Open the page to the operator of an open visit, once it is on record; make it inside the visit's fence."""

    @operator_required
    @wraps(page.view)
    def closed(request: OperatorRequest, /, visit_id: UUID, **names: UUID) -> HttpResponseBase:
        row = names.get("row_id")
        target = (page.target, str(row)) if row else ("visit", str(visit_id))
        try:
            visit = services.see(
                request.operator, visit_id=visit_id, page=page.name.removeprefix("glass_"), target=target
            )
            return _made(request, page.view, visit, names)
        except services.NotOpen:
            return over(request, visit_id)
        except Unavailable as outage:
            # An operator who cannot be seen does not get to see.
            return unavailable(request, outage.system, str(outage.retry_after))

    return never_cache(require_safe(closed))


def _made(request: OperatorRequest, view: View, visit: Visit, names: dict[str, UUID]) -> HttpResponseBase:
    """The whole answer: what a template asks for is asked inside, too. Raises ``NotOpen`` when the database closed it."""
    try:
        with through_glass(visit.workspace_id, visit=visit.pk, session=request.operator.session_id):
            response = view(request, visit, **names)
            return response.render() if isinstance(response, TemplateResponse) else response
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", "") != INSUFFICIENT_PRIVILEGE:
            raise
        # It ended between the page's entry and the page.
        raise services.NotOpen from error


def over(request: HttpRequest, visit_id: UUID) -> HttpResponse:
    """Lead back to the visit's own page, which says how it ended; the attempt is recorded as refused."""
    refuse(request, Refusal(Reason.FORBIDDEN, "glass.refused", "warning", {"visit": str(visit_id)}))
    messages.warning(request, OVER)
    return redirect("operator:accounts_visit_change", visit_id)
