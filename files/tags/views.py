"""The pages on which a member gives tags to files and takes them away: one file, or those that were chosen in the list."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from files import access, choosing
from files.models import MOST_TAGS
from files.tags import services
from files.tags.forms import TagsForm


@require_POST
@role_required(Role.MEMBER)
def add(request: TenantRequest, file_id: UUID) -> HttpResponseBase:
    """Give a file tags."""
    return _of_one(request, file_id, services.add)


@require_POST
@role_required(Role.MEMBER)
def remove(request: TenantRequest, file_id: UUID) -> HttpResponseBase:
    """Take tags from a file."""
    return _of_one(request, file_id, services.remove)


@require_POST
@role_required(Role.MEMBER)
def add_to_chosen(request: TenantRequest) -> HttpResponseBase:
    """Give tags to the chosen files."""
    rest = f"not tagged: no file may have more than {MOST_TAGS} tags"
    return _of_chosen(request, services.add, "tagged", rest)


@require_POST
@role_required(Role.MEMBER)
def remove_from_chosen(request: TenantRequest) -> HttpResponseBase:
    """Take tags from the chosen files."""
    return _of_chosen(request, services.remove, "without these tags now", "gone already")


def _of_one(request: TenantRequest, file_id: UUID, verb: Callable[..., None]) -> HttpResponseBase:
    file = access.get_own_file_or_refuse(file_id, request.tenant)
    names = _typed(request)
    if names:
        try:
            verb(actor=request.tenant, file=file, names=names)
        except services.TooManyTags as many:
            messages.error(request, str(many))
    return redirect("files:detail", file_id=file_id)


def _of_chosen(request: TenantRequest, verb: Callable[..., None], became: str, rest: str) -> HttpResponseBase:
    chosen, names = choosing.chosen(request), _typed(request)
    if chosen is not None and chosen.own and names:
        done = services.for_each(verb, actor=request.tenant, files=chosen.own, names=names)
        if done:
            messages.success(request, f"{choosing.counted(done)} {became}.")
        choosing.tell_rest(request, len(chosen.own) - done, rest)
    return redirect("files:list")


def _typed(request: TenantRequest) -> list[str]:
    form = TagsForm(request.POST)
    if form.is_valid():
        return list(form.cleaned_data["tags"])
    messages.error(request, str(form.errors["tags"][0]))
    return []
