"""The pages on which a member does one thing with several files: delete them, or have them read again.

A partial result is told as one: what was done, what was a colleague's, what was not there any more.
"""

from django.contrib import messages
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.access import role_required
from accounts.http import NotVisible, TenantRequest, note_reached
from accounts.models import Role
from files import access, queries, services
from files.forms import ChosenForm


@require_POST
@role_required(Role.MEMBER)
def confirm_delete(request: TenantRequest) -> HttpResponseBase:
    """Name the chosen files, and what goes with them, before anything goes."""
    chosen = _chosen(request)
    if chosen is None or not chosen.own:
        return redirect("files:list")
    context = {"files": chosen.own, "use_note": queries.use_note(*chosen.own)}
    return render(request, "files/delete_chosen.html", context)


@require_POST
@role_required(Role.MEMBER)
def delete(request: TenantRequest) -> HttpResponseBase:
    """Delete the chosen files with everything that was made of them."""
    chosen = _chosen(request)
    if chosen is not None and chosen.own:
        done = len(services.delete_each(actor=request.tenant, files=chosen.own))
        if done:
            messages.success(request, f"{_files(done)} deleted, with everything that was read from {_them(done)}.")
        _tell_rest(request, len(chosen.own) - done, "gone already")
    return redirect("files:list")


@require_POST
@role_required(Role.MEMBER)
def read_again(request: TenantRequest) -> HttpResponseBase:
    """Read the chosen files anew."""
    chosen = _chosen(request)
    if chosen is not None and chosen.own:
        done = services.requeue_each(actor=request.tenant, files=chosen.own)
        if done:
            messages.success(request, f"{_files(done)} being read again.")
        _tell_rest(request, len(chosen.own) - done, "not read again: being read already, or without bytes")
    return redirect("files:list")


def _chosen(request: TenantRequest) -> access.Chosen | None:
    form = ChosenForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(form.errors["file"][0]))
        return None
    chosen = access.chosen_files(form.cleaned_data["file"], request.tenant)
    if chosen.missing:
        # The same words for what is gone and what is somebody else's; the record learns which ids it was (L5, L6).
        note_reached(request, NotVisible(chosen.missing))
        _tell_rest(request, len(chosen.missing), "not there any more")
    if chosen.others:
        _tell_rest(
            request, len(chosen.others), "not yours: only the person who uploaded a file may change or delete it"
        )
    return chosen


def _tell_rest(request: TenantRequest, count: int, what: str) -> None:
    if count:
        messages.warning(request, f"{_files(count)} {what}.")


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count} files are"


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
