"""At which page does an owner bring an export in, and see what became of it?"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.conf import settings
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import recent_login_required, role_required
from accounts.http import NotVisible, TenantRequest
from accounts.middleware.headers import SANDBOX
from accounts.models import Role
from accounts.problems import answer
from accounts.waiting import NoPlace, leaving
from aiaxis.imports import services
from aiaxis.imports.forms import ImportForm
from aiaxis.imports.models import WorkspaceImport
from files import storage, uploads
from files.quota import MEGABYTE

TOO_LARGE: Final = (
    "This export is larger than what a workspace may keep here. Ask whoever runs this installation for more room."
)


def most_bytes() -> int:
    """How large an export may be: as large as what a workspace may keep, for packed it is smaller."""
    return int(settings.QUOTA_MEGABYTES) * MEGABYTE


@require_safe
@role_required(Role.OWNER)
def import_page(request: TenantRequest) -> HttpResponse:
    """The form for an empty workspace, and what became of what was brought."""
    return _page(request, ImportForm(), status=200)


@uploads.takes_up_to(most_bytes, TOO_LARGE)
@require_POST
@role_required(Role.OWNER)
def import_begin(request: TenantRequest) -> HttpResponseBase:
    """Take an export in; it is checked and brought in in the background."""
    form = ImportForm(request.POST)
    try:
        received = uploads.received_one(request)
    except uploads.UploadStopped as stopped:
        return _page(request, form, status=stopped.status, sentence=str(stopped))
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        services.give_up_old(request.tenant.workspace_id)
        services.begin(actor=request.tenant, content=received, fingerprint=form.cleaned_data["fingerprint"])
    except services.NotNow as why:
        return _page(request, form, status=409, sentence=str(why))
    except storage.StorageUnavailable as away:
        return _page(request, form, status=away.status, sentence=str(away))
    return redirect("import:page")


@require_safe
@role_required(Role.OWNER)
def import_state(request: TenantRequest, workspace_import_id: UUID) -> HttpResponse:
    """How far the import is, as a fragment that asks again for itself until it has ended."""
    found = services.get_import_or_refuse(workspace_import_id)
    if not found.is_moving:
        # A redirect tells the page's script that more than this fragment has changed: it loads the page again.
        return redirect("import:page")
    return render(request, "aiaxis/_import_state.html", {"brought": found})


@require_safe
@role_required(Role.OWNER)
@recent_login_required
def import_content(request: TenantRequest, workspace_import_id: UUID) -> HttpResponseBase:
    """The trail of the other workspace, as it came: a file to keep, and no entries of this installation's trail."""
    found = services.get_import_or_refuse(workspace_import_id)
    if not found.trail_key:
        raise NotVisible
    try:
        stream = storage.open_bytes(found.trail_key)
    except storage.BytesMissing as missing:
        raise Http404 from missing
    except storage.StorageUnavailable as away:
        return answer(request, away.status, str(away))
    response = FileResponse(stream, as_attachment=True, filename="trail.jsonl", content_type="application/x-ndjson")
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "private, no-store"
    try:
        left = leaving(response, request.tenant)
    except NoPlace as none:
        return answer(request, 503 if none.is_ours else 429, str(none))
    services.note_trail_download(actor=request.tenant, brought=found)
    return left


def _page(request: TenantRequest, form: ImportForm, *, status: int, sentence: str = "") -> HttpResponse:
    found = WorkspaceImport.objects.order_by("-id").first()
    context = {
        "form": form,
        "brought": found,
        "sentence": sentence,
        "can_begin": not (found and found.is_moving) and services.is_empty(request.tenant.workspace_id),
        "limit": most_bytes(),
    }
    return render(request, "aiaxis/import.html", context, status=status)
