"""Where does a workspace's administrator say who hears of its events, and see whether they do?"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import recent_login_required, role_required
from accounts.http import TenantRequest
from accounts.models import Role
from audit.notices import queries, services
from audit.notices.addresses import Unfit
from audit.notices.forms import ChannelForm
from audit.notices.models import Channel


@require_safe
@role_required(Role.ADMIN)
def channel_list(request: TenantRequest) -> HttpResponse:
    """The workspace's channels, and how each fares."""
    return render(request, "audit/channel_list.html", {"rows": queries.channels()})


@require_safe
@role_required(Role.ADMIN)
@recent_login_required
def channel_new(request: TenantRequest) -> HttpResponseBase:
    """Ask where to, and for what."""
    return _form(request, ChannelForm(readers=queries.readers()))


@require_POST
@role_required(Role.ADMIN)
@recent_login_required
def channel_create(request: TenantRequest) -> HttpResponseBase:
    """Add a channel, and show its signing secret this once."""
    form = ChannelForm(request.POST, readers=queries.readers())
    if not form.is_valid():
        return _form(request, form)
    try:
        added = services.add(actor=request.tenant, **form.chosen())
    except Unfit as unfit:
        form.add_error("address", str(unfit))
        return _form(request, form)
    except services.TooManyChannels:
        form.add_error(
            None,
            f"It was not added: the workspace has {services.MOST_CHANNELS} channels already, or whom you chose may no longer read the trail.",
        )
        return _form(request, form)
    if not added.secret:
        messages.success(request, "The channel is added. Send it a test to see whether messages arrive.")
        return redirect("audit:channel", added.id)
    values = {"name": form.cleaned_data["name"], "secret": added.secret, "channel_id": added.id}
    return render(request, "audit/channel_created.html", values, status=201)


@require_safe
@role_required(Role.ADMIN)
def channel(request: TenantRequest, channel_id: UUID) -> HttpResponse:
    """One channel, what it was sent lately, and what became of it."""
    found = get_object_or_404(Channel, pk=channel_id)
    result = next((result for one, result in queries.channels() if one.pk == found.pk), queries.Result())
    values = {"channel": found, "result": result, "sent": queries.messages(found)}
    return render(request, "audit/channel.html", values)


@require_POST
@role_required(Role.ADMIN)
def channel_pause(request: TenantRequest, channel_id: UUID) -> HttpResponse:
    """Send it nothing for now."""
    return _act(request, channel_id, services.pause, "It is sent nothing until you resume it.")


@require_POST
@role_required(Role.ADMIN)
@recent_login_required
def channel_resume(request: TenantRequest, channel_id: UUID) -> HttpResponseBase:
    """Send it messages again."""
    return _act(request, channel_id, services.resume, "It is sent messages again.")


@require_POST
@role_required(Role.ADMIN)
def channel_test(request: TenantRequest, channel_id: UUID) -> HttpResponse:
    """Send it a message now."""
    return _act(request, channel_id, services.test, "A test is on its way. Its result stands here within seconds.")


@require_POST
@role_required(Role.ADMIN)
def channel_remove(request: TenantRequest, channel_id: UUID) -> HttpResponse:
    """Take it away."""
    found = get_object_or_404(Channel, pk=channel_id)
    services.remove(actor=request.tenant, channel=found.pk)
    messages.success(request, f"The channel “{found.name}” is removed. Nothing more is sent to it.")
    return redirect("audit:notifications")


def _act(request: TenantRequest, channel_id: UUID, act: Callable[..., bool], done: str) -> HttpResponse:
    # Another workspace's channel is missing, and the attempt is recorded like any other reach for what is not there.
    found = get_object_or_404(Channel, pk=channel_id)
    if act(actor=request.tenant, channel=found.pk):
        messages.success(request, done)
    else:
        messages.info(request, "There was nothing to change.")
    return redirect("audit:channel", found.pk)


def _form(request: TenantRequest, form: ChannelForm) -> HttpResponse:
    return render(request, "audit/channel_new.html", {"form": form}, status=422 if form.errors else 200)
