"""Where does an administrator say which servers of tools the workspace's agents may call, and how?"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import recent_login_required, role_required
from accounts.http import TenantRequest
from accounts.models import Role
from agents import access
from agents.tools import queries, services
from agents.tools.forms import RuleForm, ServerChangeForm, ServerForm
from agents.unfit import Unfit, told_beside


@require_GET
@role_required(Role.ADMIN)
def server_list(request: TenantRequest) -> HttpResponse:
    """The workspace's servers of tools."""
    return render(request, "agents/server_list.html", {"rows": queries.listed()})


@require_GET
@role_required(Role.ADMIN)
@recent_login_required
def server_new(request: TenantRequest) -> HttpResponseBase:
    """Ask which server, and for its key."""
    return render(request, "agents/server_new.html", {"form": ServerForm()})


@require_POST
@role_required(Role.ADMIN)
@recent_login_required
def server_create(request: TenantRequest) -> HttpResponseBase:
    """Add a server that answers."""
    form = ServerForm(request.POST)
    if form.is_valid():
        with told_beside(form):
            added = services.add(form.words(), actor=request.tenant)
            messages.success(request, "The server is added. Say now which of its tools agents may call.")
            return redirect("tools:server", added)
    return render(request, "agents/server_new.html", {"form": form}, status=422)


@require_GET
@role_required(Role.ADMIN)
def server(request: TenantRequest, server_id: UUID) -> HttpResponse:
    """One server: where it is, what it offers, and how agents may call that."""
    found = access.get_server_or_refuse(server_id)
    return render(request, "agents/server.html", {"server": found, "tools": queries.tools_of(found)})


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
@recent_login_required
def server_change(request: TenantRequest, server_id: UUID) -> HttpResponseBase:
    """Change a server."""
    found = access.get_server_or_refuse(server_id)
    form = ServerChangeForm(request.POST, server=found) if request.method == "POST" else ServerChangeForm.of(found)
    if form.is_valid():
        with told_beside(form):
            services.change(found, form.words(), actor=request.tenant)
            messages.success(request, "The server is changed. The next call goes to it as it stands now.")
            return redirect("tools:server", found.pk)
    status = 422 if form.errors else 200
    return render(request, "agents/server_change.html", {"form": form, "server": found}, status=status)


@require_POST
@role_required(Role.ADMIN)
def server_look(request: TenantRequest, server_id: UUID) -> HttpResponse:
    """Ask the server what it offers now."""
    found = access.get_server_or_refuse(server_id)
    try:
        listing = services.look(found, actor=request.tenant)
    except Unfit as unfit:
        messages.error(request, str(unfit))
    else:
        said = f"It answered, and offers {listing.tools} tool{'' if listing.tools == 1 else 's'}."
        if listing.changed:
            messages.warning(request, f"{said} Changed since they were allowed, and off: {', '.join(listing.changed)}.")
        else:
            messages.success(request, said)
    return redirect("tools:server", found.pk)


@require_POST
@role_required(Role.ADMIN)
def server_on(request: TenantRequest, server_id: UUID) -> HttpResponse:
    """Let agents call a server again."""
    services.switch(access.get_server_or_refuse(server_id), on=True, actor=request.tenant)
    return redirect("tools:server", server_id)


@require_POST
@role_required(Role.ADMIN)
def server_off(request: TenantRequest, server_id: UUID) -> HttpResponse:
    """Let no agent call a server for now."""
    services.switch(access.get_server_or_refuse(server_id), on=False, actor=request.tenant)
    return redirect("tools:server", server_id)


@require_POST
@role_required(Role.ADMIN)
def server_remove(request: TenantRequest, server_id: UUID) -> HttpResponse:
    """Take a server away."""
    found = access.get_server_or_refuse(server_id)
    services.remove(found, actor=request.tenant)
    messages.success(request, f"“{found.name}” and its key are removed. Nothing more is sent to it.")
    return redirect("tools:list")


@require_POST
@role_required(Role.ADMIN)
@recent_login_required
def tool_decide(request: TenantRequest, server_id: UUID, tool_id: UUID) -> HttpResponseBase:
    """Say how agents may call a tool, as it was read."""
    tool = access.get_tool_or_refuse(access.get_server_or_refuse(server_id), tool_id)
    form = RuleForm(request.POST)
    if form.is_valid():
        try:
            services.decide(tool, **form.cleaned_data, actor=request.tenant)
        except services.Moved as moved:
            messages.error(request, str(moved))
    else:
        messages.error(request, "Choose how agents may call this tool.")
    return redirect("tools:server", server_id)
