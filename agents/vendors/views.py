"""Where does an administrator say which model vendors the workspace's agents may ask, and how much they may use?"""

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
from agents.unfit import Unfit, told_beside
from agents.vendors import queries, services
from agents.vendors.forms import BudgetForm, ProviderChangeForm, ProviderForm


@require_GET
@role_required(Role.ADMIN)
def provider_list(request: TenantRequest) -> HttpResponse:
    """The workspace's providers, and what was used this month."""
    return render(request, "agents/provider_list.html", {"rows": queries.listed(), "meters": queries.meters()})


@require_GET
@role_required(Role.ADMIN)
@recent_login_required
def provider_new(request: TenantRequest) -> HttpResponseBase:
    """Ask which provider, and for its key."""
    return render(request, "agents/provider_new.html", {"form": ProviderForm()})


@require_POST
@role_required(Role.ADMIN)
@recent_login_required
def provider_create(request: TenantRequest) -> HttpResponseBase:
    """Add a provider that answers."""
    form = ProviderForm(request.POST)
    if form.is_valid():
        with told_beside(form):
            added = services.add(form.words(), actor=request.tenant)
            messages.success(request, "The provider is added. Its models can be chosen for agents now.")
            return redirect("models:provider", added)
    return render(request, "agents/provider_new.html", {"form": form}, status=422)


@require_GET
@role_required(Role.ADMIN)
def provider(request: TenantRequest, provider_id: UUID) -> HttpResponse:
    """One provider: where it is, which models it has, who uses it."""
    return render(request, "agents/provider.html", {"provider": access.get_provider_or_refuse(provider_id)})


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
@recent_login_required
def provider_change(request: TenantRequest, provider_id: UUID) -> HttpResponseBase:
    """Change a provider."""
    found = access.get_provider_or_refuse(provider_id)
    form = (
        ProviderChangeForm(request.POST, provider=found) if request.method == "POST" else ProviderChangeForm.of(found)
    )
    if form.is_valid():
        with told_beside(form):
            services.change(found, form.words(), actor=request.tenant)
            messages.success(request, "The provider is changed. The next question is asked as it stands now.")
            return redirect("models:provider", found.pk)
    status = 422 if form.errors else 200
    return render(request, "agents/provider_change.html", {"form": form, "provider": found}, status=status)


@require_POST
@role_required(Role.ADMIN)
def provider_test(request: TenantRequest, provider_id: UUID) -> HttpResponse:
    """Ask the provider for its models now."""
    found = access.get_provider_or_refuse(provider_id)
    try:
        names = services.test(found, actor=request.tenant)
    except Unfit as unfit:
        messages.error(request, str(unfit))
    else:
        messages.success(request, f"It answered, and has {len(names)} model{'' if len(names) == 1 else 's'}.")
    return redirect("models:provider", found.pk)


@require_POST
@role_required(Role.ADMIN)
def provider_remove(request: TenantRequest, provider_id: UUID) -> HttpResponse:
    """Take a provider away."""
    found = access.get_provider_or_refuse(provider_id)
    services.remove(found, actor=request.tenant)
    messages.success(request, f"“{found.name}” and its key are removed. Nothing more is sent to it.")
    return redirect("models:list")


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
@recent_login_required
def budget(request: TenantRequest) -> HttpResponseBase:
    """Say what may be used in a month."""
    kept = queries.budget()
    initial = {name: getattr(kept, name, None) for name in ("requests", "tokens", "money")}
    form = BudgetForm(request.POST) if request.method == "POST" else BudgetForm(initial=initial)
    if form.is_valid():
        services.set_budget(actor=request.tenant, **form.cleaned_data)
        messages.success(request, "The limits are set. They count from the next question.")
        return redirect("models:list")
    return render(request, "agents/budget.html", {"form": form}, status=422 if form.errors else 200)
