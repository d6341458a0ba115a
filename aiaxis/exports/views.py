"""At which page does an owner order the workspace's export, and fetch it?"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
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
from aiaxis.exports import fingerprints, services
from aiaxis.exports.models import WorkspaceExport
from files import storage


@require_safe
@role_required(Role.OWNER)
def export_page(request: TenantRequest) -> HttpResponse:
    """What an export holds, the owner's own one, and the button that orders another."""
    found = WorkspaceExport.objects.order_by("-id").first()
    over = found.created_at + services.KEPT if found else None
    context = {"export": found, "over": over, "fingerprint": fingerprints.shown(fingerprints.own())}
    return render(request, "aiaxis/export.html", context)


@require_POST
@role_required(Role.OWNER)
@recent_login_required
def export_begin(request: TenantRequest) -> HttpResponseBase:
    """Order an export; it is written in the background."""
    try:
        services.begin(actor=request.tenant)
    except services.StillWriting:
        messages.error(request, "An export of yours is still being written. Wait for it, then order another.")
    return redirect("export:page")


@require_safe
@role_required(Role.OWNER)
def export_state(request: TenantRequest, workspace_export_id: UUID) -> HttpResponse:
    """How far the export is, as a fragment that asks again for itself until it is done."""
    return render(request, "aiaxis/_export_state.html", {"export": services.get_export_or_refuse(workspace_export_id)})


@require_safe
@role_required(Role.OWNER)
@recent_login_required
def export_content(request: TenantRequest, workspace_export_id: UUID) -> HttpResponseBase:
    """The finished file, as a download that is recorded before its first byte leaves."""
    found = services.get_export_or_refuse(workspace_export_id)
    if found.status != WorkspaceExport.Status.READY:
        raise NotVisible
    try:
        stream = storage.open_bytes(found.storage_key)
    except storage.BytesMissing as missing:
        raise Http404 from missing
    except storage.StorageUnavailable as away:
        return answer(request, away.status, str(away))
    response = FileResponse(stream, as_attachment=True, filename=found.file_name, content_type="application/zip")
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "private, no-store"
    try:
        left = leaving(response, request.tenant)
    except NoPlace as none:
        return answer(request, 503 if none.is_ours else 429, str(none))
    services.note_download(actor=request.tenant, export=found)
    return left
