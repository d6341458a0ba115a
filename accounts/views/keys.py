"""How does a member get a key for a program, and take it back?"""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import queries
from accounts.access import recent_login_required
from accounts.forms import KeyForm, RotateForm
from accounts.http import TenantRequest
from accounts.identity.base import BadCredentials, NoOrganization
from accounts.models import ApiKey
from accounts.scopes import within
from accounts.services import keys
from accounts.views import attempts

WARNED_DAYS = 7  # a key that ends so soon is marked, so that whoever replaces it is in time
NONE_HERE = "Your sign-in makes no keys for this workspace. An owner can connect it to your organisation."


@require_GET
def key_list(request: TenantRequest) -> HttpResponseBase:
    """The member's keys in this workspace."""
    now = timezone.now()
    values = {"keys": queries.keys_of(request.tenant), "now": now, "soon": now + timedelta(days=WARNED_DAYS)}
    return render(request, "accounts/key_list.html", values)


@require_http_methods(["GET", "HEAD", "POST"])
@recent_login_required
@attempts.patient
def key_create(request: TenantRequest) -> HttpResponseBase:
    """Make a key, and show its value this once."""
    allowed = within(request.tenant.role)
    if request.method != "POST":
        return _form_page(request, KeyForm(allowed=allowed, initial={"once": secrets.token_urlsafe(16)}))
    form = KeyForm(request.POST, allowed=allowed)
    if not form.is_valid():
        return _form_page(request, form)
    try:
        minted = _mint(request, form)
    except keys.MadeAlready:
        messages.info(request, "That key was made already. Its value was shown once; make another key if it is lost.")
        return redirect("accounts:keys")
    except keys.TooManyKeys:
        form.add_error(None, f"You have {keys.MOST_LIVE_KEYS} keys, which is the most. Withdraw one that is not used.")
        return _form_page(request, form)
    except (NoOrganization, BadCredentials):
        form.add_error(None, NONE_HERE)
        return _form_page(request, form)
    return render(request, "accounts/key_created.html", {"key": minted.key, "value": minted.value}, status=201)


@require_http_methods(["GET", "HEAD", "POST"])
@recent_login_required
@attempts.patient
def key_rotate(request: TenantRequest, key_id: UUID) -> HttpResponseBase:
    """Replace a key by one of the same name and scopes, and show its value this once."""
    key = get_object_or_404(ApiKey, pk=key_id)
    if request.method != "POST":
        return _rotate_page(request, key, RotateForm(initial={"once": secrets.token_urlsafe(16), "hours": "24"}))
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _rotate_page(request, key, form)
    hours, once = form.cleaned_data["hours"], form.cleaned_data["once"]
    try:
        minted = keys.rotate(actor=request.tenant, key=key, hours=hours, once=once)
    except keys.TooManyKeys:
        form.add_error(None, f"You have {keys.MOST_LIVE_KEYS} keys, which is the most. Let the old one end at once.")
        return _rotate_page(request, key, form)
    except (NoOrganization, BadCredentials):
        form.add_error(None, f"{NONE_HERE} The key that you have is as it was.")
        return _rotate_page(request, key, form)
    except (keys.MadeAlready, keys.NotLive):
        messages.info(request, "That key was replaced or withdrawn already, so no other one was made.")
        return redirect("accounts:keys")
    values = {"key": minted.key, "value": minted.value, "replaced": key, "hours": hours}
    return render(request, "accounts/key_created.html", values, status=201)


@require_POST
def key_revoke(request: TenantRequest, key_id: UUID) -> HttpResponseBase:
    """Withdraw a key; the next request with it is refused."""
    # A key of somebody else's is missing, and the attempt is recorded like any other reach for what is not there.
    get_object_or_404(ApiKey, pk=key_id)
    key = keys.revoke(actor=request.tenant, key_id=key_id)
    if key is None:
        messages.info(request, "That key was withdrawn already.")
    else:
        messages.success(request, f"The key “{key.name}” is withdrawn. Programs that use it are refused from now on.")
    return redirect("accounts:keys")


def _mint(request: TenantRequest, form: KeyForm) -> keys.Minted:
    return keys.mint(
        actor=request.tenant,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        days=form.days(),
        once=form.cleaned_data["once"],
    )


def _rotate_page(request: TenantRequest, key: ApiKey, form: RotateForm) -> HttpResponse:
    return render(request, "accounts/key_rotate.html", {"form": form, "key": key}, status=422 if form.errors else 200)


def _form_page(request: TenantRequest, form: KeyForm) -> HttpResponse:
    return render(request, "accounts/key_create.html", {"form": form}, status=422 if form.errors else 200)
