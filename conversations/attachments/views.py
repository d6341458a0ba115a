"""At which pages are files attached to a conversation, and removed from it?"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from accounts.pagination import paginate
from accounts.problems import problem
from agents.access import get_files_or_refuse
from conversations import access
from conversations.attachments import queries, services
from conversations.attachments.forms import AttachedUploadForm, NameForm, StayForm
from conversations.models import Conversation
from conversations.services import Refusal
from files import intake, uploads
from files.forms import ChosenForm
from files.refusals import LARGEST_MEGABYTES

ROWS_A_PAGE = 25


@require_GET
def files(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Show what is attached, and what else could be."""
    return _page(request, access.get_own_conversation_or_refuse(conversation_id), AttachedUploadForm())


@require_GET
def attached(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """What is attached as a fragment, which asks again for itself while a file is being read."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    context = {"conversation": conversation, "attached": queries.attached(conversation)}
    return render(request, "conversations/_attached.html", context | _may_change(request, conversation))


@require_POST
@role_required(Role.MEMBER)
def attach(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Attach files that are in the workspace already."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    form = ChosenForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(form.errors["file"][0]))
        return redirect("conversations:files", conversation.pk)
    chosen = get_files_or_refuse(form.cleaned_data["file"])
    try:
        services.attach(conversation, actor=request.tenant, files=chosen)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("conversations:files", conversation.pk)
    return redirect("conversations:detail", conversation.pk)


@require_POST
@role_required(Role.MEMBER)
def upload(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Take files in as the member's own, and attach them. A script gets JSON for each, a plain form gets a page."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    form = AttachedUploadForm(request.POST)
    try:
        received = uploads.received(request)
        services.check_room(conversation, len(received))
    except uploads.UploadStopped as stopped:
        return _refused(request, conversation, form, stopped.status, str(stopped))
    except Refusal as refusal:
        return _refused(request, conversation, form, 409, str(refusal))
    if not form.is_valid():
        return _refused(request, conversation, form, 422, str(form.errors["visibility"][0]))
    results = [intake.take(one, actor=request.tenant, visibility=form.cleaned_data["visibility"]) for one in received]
    return _uploaded(request, conversation, form, intake.sorted_out(results))


@require_POST
@role_required(Role.MEMBER)
def detach(request: TenantRequest, conversation_id: UUID, file_id: UUID) -> HttpResponse:
    """Take a file away from the conversation; it stays in the workspace."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    access.get_attachment_or_refuse(conversation, file_id)
    services.detach(conversation, actor=request.tenant, file_id=file_id)
    form = StayForm(request.POST)
    stays = form.is_valid() and form.cleaned_data["stay"]
    return redirect("conversations:files" if stays else "conversations:detail", conversation.pk)


def _uploaded(
    request: TenantRequest, conversation: Conversation, form: AttachedUploadForm, came: intake.Sorted
) -> HttpResponse:
    try:
        fresh = services.attach(conversation, actor=request.tenant, files=[one.file for one in came.taken])
    except Refusal as refusal:
        # Others were attached in the same moment. What came is among the member's files all the same.
        return _refused(request, conversation, form, 409, str(refusal))
    if came.refused:
        return _refused(request, conversation, form, came.refused[0].status, came.sentence)
    if not intake.wants_json(request):
        return redirect("conversations:detail", conversation.pk)
    new = {file.pk for file in fresh}
    told = [intake.described(one.file, is_new=one.file.pk in new) for one in came.taken]
    return JsonResponse({"files": told}, status=201)


def _refused(
    request: TenantRequest, conversation: Conversation, form: AttachedUploadForm, status: int, sentence: str
) -> HttpResponse:
    if intake.wants_json(request):
        return problem(request, status, "The file was not attached", sentence)
    return _page(request, conversation, form, status=status, refusal=sentence)


def _page(
    request: TenantRequest,
    conversation: Conversation,
    form: AttachedUploadForm,
    *,
    status: int = 200,
    refusal: str = "",
) -> HttpResponse:
    filters = NameForm(request.GET)
    words = filters.cleaned_data["q"].strip() if filters.is_valid() else ""
    context = {
        "conversation": conversation,
        "attached": queries.attached(conversation),
        "page": paginate(queries.attachable(conversation, words), request.GET.get("cursor"), ROWS_A_PAGE),
        "filters": filters,
        "words": words,
        "form": form,
        "limit": LARGEST_MEGABYTES,
        "refusal": refusal,
    }
    context |= _may_change(request, conversation)
    return render(request, "conversations/files.html", context, status=status)


def _may_change(request: TenantRequest, conversation: Conversation) -> dict[str, bool]:
    return {"may_attach": access.can_ask(request.tenant) and conversation.archived_at is None}
