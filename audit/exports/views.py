"""At which pages does an owner or administrator order and fetch exports of the trail?"""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import role_required
from accounts.http import NotVisible, TenantRequest, note_reached
from accounts.middleware.headers import SANDBOX
from accounts.models import Role
from audit import queries
from audit.exports import access, formats, services
from audit.exports.models import Export
from audit.forms import ExportForm


@require_safe
@role_required(Role.ADMIN)
def export_list(request: TenantRequest) -> HttpResponse:
    """The member's exports, and the form that begins another."""
    return _page(request, ExportForm(initial=request.GET.dict(), people=queries.people()), status=200)


@require_POST
@role_required(Role.ADMIN)
def export_begin(request: TenantRequest) -> HttpResponse:
    """Begin an export; it is written in the background."""
    form = ExportForm(request.POST, people=queries.people())
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        services.begin(actor=request.tenant, chosen=form.chosen(), kind=form.cleaned_data["format"])
    except services.StillWriting:
        messages.error(request, "An export of yours is still being written. Wait for it, then begin another.")
    except services.TooManyEntries:
        form.add_error("since", f"More than {services.MOST_ENTRIES:,} entries match. Choose fewer days.")
        return _page(request, form, status=422)
    return redirect("audit:exports")


@require_safe
@role_required(Role.ADMIN)
def export_row(request: TenantRequest, export_id: UUID) -> HttpResponse:
    """How far one export is, as a fragment that asks again for itself until it is done."""
    return render(request, "audit/_export_state.html", {"export": access.get_export_or_refuse(export_id)})


@require_safe
@role_required(Role.ADMIN)
def export_content(request: TenantRequest, export_id: UUID) -> HttpResponseBase:
    """The lines of a ready export, as a download."""
    found = access.get_export_or_refuse(export_id)
    if found.status != Export.Status.READY:
        raise NotVisible
    lines = services.content(actor=request.tenant, export=found)
    response = StreamingHttpResponse(lines, content_type=formats.MEDIA[found.format])
    response["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
    response["Content-Security-Policy"] = SANDBOX
    response["Cache-Control"] = "private, no-store"
    return response


def _page(request: TenantRequest, form: ExportForm, *, status: int) -> HttpResponse:
    if form.is_bound:
        note_reached(request, NotVisible(form.reached()) if form.reached() else None)
    found = Export.objects.order_by("-id")[: services.MOST_KEPT]
    return render(request, "audit/trail_exports.html", {"form": form, "exports": found}, status=status)
