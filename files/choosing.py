"""The pages on which a member does one thing with several files: delete them, or have them read again (tags: `files.tags.views`).

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
    found = chosen(request)
    if found is None or not found.own:
        return redirect("files:list")
    context = {"files": found.own, "use_note": queries.use_note(*found.own)}
    return render(request, "files/delete_chosen.html", context)


@require_POST
@role_required(Role.MEMBER)
def delete(request: TenantRequest) -> HttpResponseBase:
    """Delete the chosen files with everything that was made of them."""
    found = chosen(request)
    if found is not None and found.own:
        done = len(services.delete_each(actor=request.tenant, files=found.own))
        if done:
            messages.success(request, f"{counted(done)} deleted, with everything that was read from {_them(done)}.")
        tell_rest(request, len(found.own) - done, "gone already")
    return redirect("files:list")


@require_POST
@role_required(Role.MEMBER)
def read_again(request: TenantRequest) -> HttpResponseBase:
    """Read the chosen files anew."""
    found = chosen(request)
    if found is not None and found.own:
        done = services.requeue_each(actor=request.tenant, files=found.own)
        if done:
            messages.success(request, f"{counted(done)} being read again.")
        tell_rest(request, len(found.own) - done, "not read again: being read already, or without bytes")
    return redirect("files:list")


def chosen(request: TenantRequest) -> access.Chosen | None:
    """What the member chose, where there was something; what is not theirs is told, and not among it."""
    form = ChosenForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(form.errors["file"][0]))
        return None
    found = access.chosen_files(form.cleaned_data["file"], request.tenant)
    if found.missing:
        # The same words for what is gone and what is somebody else's; the record learns which ids it was (L5, L6).
        note_reached(request, NotVisible(found.missing))
        tell_rest(request, len(found.missing), "not there any more")
    if found.others:
        tell_rest(request, len(found.others), "not yours: only the person who uploaded a file may change or delete it")
    return found


def tell_rest(request: TenantRequest, count: int, what: str) -> None:
    """Say of so many files what they are instead; nothing of none."""
    if count:
        messages.warning(request, f"{counted(count)} {what}.")


def counted(count: int) -> str:
    """So many files, and the verb that follows."""
    return "1 file is" if count == 1 else f"{count} files are"


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
