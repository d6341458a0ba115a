"""What does a workspace's owner or administrator see of what happened in it?"""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import role_required
from accounts.http import NotVisible, TenantRequest, note_reached
from accounts.models import Role
from accounts.pagination import Page, paginate
from audit import access, queries, services
from audit.filters import queries as kept
from audit.filters.forms import encoded
from audit.forms import TrailFilter
from audit.models import Entry

ENTRIES_ON_A_PAGE = 25


@require_safe
@role_required(Role.ADMIN)
def trail(request: TenantRequest) -> HttpResponse:
    """The workspace's trail, newest first, filtered by person, action, outcome and day."""
    form = TrailFilter(request.GET, people=queries.people())
    if not form.is_valid():
        note_reached(request, NotVisible(form.reached()) if form.reached() else None)
        nothing: Page[Entry] = Page(items=[], next=None)
        return render(request, "audit/trail.html", {"form": form, "page": nothing}, status=422)
    chosen = form.chosen()
    page = paginate(queries.trail(chosen), request.GET.get("cursor"), ENTRIES_ON_A_PAGE)
    chart = queries.per_day(queries.trail(chosen), chosen)
    services.note_reading(actor=request.tenant, filters=chosen.names(), shown=len(page.items))
    values = {
        "form": form,
        "page": page,
        "chart": chart,
        "is_filtered": bool(chosen.names()),
        "query": encoded(form),
        "saved": kept.own(),
    }
    return render(request, "audit/trail.html", values)


@require_safe
@role_required(Role.ADMIN)
def entry(request: TenantRequest, entry_id: UUID) -> HttpResponse:
    """One entry with everything that it holds."""
    row = access.get_entry_or_404(entry_id)
    services.note_reading(actor=request.tenant, entry=row)
    return render(request, "audit/entry.html", {"entry": row})
