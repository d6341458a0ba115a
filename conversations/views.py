"""Which pages show conversations, and which requests change them?"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from accounts.pagination import paginate
from accounts.submissions import submission_name
from conversations import access, queries, services, streaming
from conversations.attachments import queries as attachments
from conversations.forms import PlaceForm, QuestionForm, StartForm, TitleForm
from conversations.models import Conversation, Message
from conversations.sharing import queries as sharing_queries
from conversations.sharing import services as sharing

PAGE_SIZE = 30
AGENTS_OFFERED = 24
TOO_LONG = "A question has up to 8,000 characters. Shorten it, then ask again."


@require_GET
def conversation_list(request: TenantRequest) -> HttpResponse:
    """Show this member's conversations, newest first."""
    search = request.GET.get("q", "").replace("\x00", "").strip()
    archived = request.GET.get("show") == "archived"
    page = paginate(queries.begun(search, archived=archived), request.GET.get("cursor"), PAGE_SIZE)
    can_start = access.can_ask(request.tenant)
    context = {"page": page, "search": search, "archived": archived, "can_start": can_start}
    if can_start and not page.items:
        context |= _offer("")
    return render(request, "conversations/conversation_list.html", context)


@require_GET
@role_required(Role.MEMBER)
def conversation_new(request: TenantRequest) -> HttpResponse:
    """Choose whom to ask."""
    search = request.GET.get("q", "").replace("\x00", "").strip()
    context = {"search": search, "temporary": "temporary" in request.GET, **_offer(search)}
    return render(request, "conversations/conversation_new.html", context)


@require_POST
@role_required(Role.MEMBER)
def conversation_start(request: TenantRequest) -> HttpResponse:
    """Begin a conversation, with its first question where one was written."""
    form = StartForm(request.POST)
    if not form.is_valid():
        messages.error(request, TOO_LONG if "text" in form.errors else "Choose whom to ask.")
        return render(request, "conversations/conversation_new.html", _offer(""), status=422)
    agent = form.cleaned_data["agent"]
    try:
        conversation = services.start(
            agent,
            actor=request.tenant,
            text=form.cleaned_data["text"],
            submission=form.cleaned_data["submission"],
            is_temporary=form.cleaned_data["temporary"],
        )
    except services.Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("agents:detail", agent.slug)
    return redirect("conversations:detail", conversation.pk)


@require_GET
def conversation_detail(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Show a conversation with its composer: its end, a part before or after it, or what is around one message."""
    conversation = access.get_conversation_or_refuse(conversation_id)
    sharing.note_reading(conversation, actor=request.tenant)
    place = PlaceForm(request.GET)
    if not place.is_valid():
        return _show(request, conversation, Shown())
    before, after, at, edit = (place.cleaned_data[name] for name in ("before", "after", "at", "edit"))
    for message_id in filter(None, (at, edit)):
        access.get_place_or_refuse(conversation, message_id)
    return _show(request, conversation, Shown(before=before, after=after, at=edit or at, editing=edit))


@require_POST
@role_required(Role.MEMBER)
def conversation_ask(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Put a question."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    form = QuestionForm(request.POST)
    parent_id = form.cleaned_data["parent"] if form.is_valid() else None
    if parent_id is not None:
        access.get_message_or_refuse(conversation, parent_id)
    question = _asked(request, conversation, form, parent_id=parent_id)
    if question is None:
        return _show(request, conversation, Shown(form=form, at=parent_id), status=_told(form))
    return _at(conversation, question)


@require_POST
@role_required(Role.MEMBER)
def message_edit(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Put a question differently: it and its answer stand beside the first ones."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    form = QuestionForm(request.POST)
    question = _asked(request, conversation, form, instead_of=message.pk)
    if question is None:
        shown = Shown(at=message.pk, editing=message.pk, edit_form=form)
        return _show(request, conversation, shown, status=_told(form))
    return _at(conversation, question)


@require_POST
@role_required(Role.MEMBER)
def message_choose(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Show another branch from now on."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    services.choose(conversation, message=message)
    return _at(conversation, message, f"?at={message.pk}")


@require_GET
def conversation_stream(request: TenantRequest, conversation_id: UUID) -> HttpResponseBase:
    """Send the latest answer as server-sent events, from where the browser left off."""
    conversation = access.get_conversation_or_refuse(conversation_id)
    return streaming.follow(
        request, conversation, first=lambda: sharing.note_reading(conversation, actor=request.tenant)
    )


@require_POST
@role_required(Role.MEMBER)
def conversation_rename(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Give a conversation another title."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    form = TitleForm(request.POST)
    if form.is_valid():
        services.rename(conversation, actor=request.tenant, title=form.cleaned_data["title"])
    else:
        messages.error(request, "A title has 1 to 200 characters. The old one stays.")
    return redirect("conversations:detail", conversation.pk)


@require_POST
@role_required(Role.MEMBER)
def conversation_delete(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Delete a conversation."""
    services.delete(access.get_own_conversation_or_refuse(conversation_id), actor=request.tenant)
    messages.success(request, "The conversation was deleted.")
    return redirect("conversations:list")


@require_GET
def message_turn(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Answer with the HTML of one message: what a page puts in the place of its stream at the end."""
    conversation = access.get_conversation_or_refuse(conversation_id)
    access.get_place_or_refuse(conversation, message_id)
    message = queries.turn_of(conversation, message_id)
    if message.is_finished:
        # Until then a colleague's page asks again and again, and is given no word.
        sharing.note_reading(conversation, actor=request.tenant)
    context = {"conversation": conversation, "message": message, **_permissions(request, conversation)}
    return render(request, "conversations/_turn.html", context)


@require_POST
@role_required(Role.MEMBER)
def message_stop(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """End an answer that is being written."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    services.stop(conversation, actor=request.tenant, answer=message)
    return _at(conversation, message)


@require_POST
@role_required(Role.MEMBER)
def message_retry(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Have a question answered once more."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    try:
        renewed = services.retry(conversation, actor=request.tenant, answer=message)
    except services.Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("conversations:detail", conversation.pk)
    return _at(conversation, renewed)


def _offer(search: str) -> dict[str, object]:
    agents = list(queries.askable(search)[: AGENTS_OFFERED + 1])
    offer: dict[str, object] = {"agents": agents[:AGENTS_OFFERED], "agents_left_out": len(agents) > AGENTS_OFFERED}
    return offer if agents or search else {**offer, "file": queries.first_file()}


def _asked(
    request: TenantRequest, conversation: Conversation, form: QuestionForm, **place: UUID | None
) -> Message | None:
    """Put the question that the form holds; None, with the reason in the form, where that cannot be."""
    if not form.is_valid():
        return None
    text = form.cleaned_data["text"]
    once = submission_name(request.tenant, form.cleaned_data["submission"], text)
    try:
        return services.ask(conversation, actor=request.tenant, text=text, idempotency_key=once, **place)
    except services.Refusal as refusal:
        form.add_error(None, str(refusal))
        return None


def _told(form: QuestionForm) -> int:
    """The status for a question that was not put: was it no question, or was this no moment for it?"""
    return 409 if form.cleaned_data.get("text") else 422


def _at(conversation: Conversation, message: Message, query: str = "") -> HttpResponse:
    """Lead to this very message: without a script a page opens at its top, and a long conversation's end is far from there."""
    return redirect(f"{reverse('conversations:detail', args=[conversation.pk])}{query}#message-{message.pk}")


@dataclass(frozen=True, slots=True)
class Shown:
    """Which part of a conversation a page shows, and what was written in its forms."""

    form: QuestionForm | None = None
    before: int | None = None
    after: int | None = None
    at: UUID | None = None
    editing: UUID | None = None
    edit_form: QuestionForm | None = None


def _show(request: TenantRequest, conversation: Conversation, shown: Shown, *, status: int = 200) -> HttpResponse:
    part = queries.part_of(conversation, before=shown.before, after=shown.after, at=shown.at)
    attached = attachments.attached(conversation)
    context = {
        "conversation": conversation,
        "turns": part.messages,
        "has_earlier": part.has_earlier,
        "has_later": part.has_later,
        "form": shown.form or QuestionForm(initial={"parent": part.leaf}),
        "editing": shown.editing,
        "edit_form": shown.edit_form,
        "attached": attached,
        **_permissions(request, conversation),
        "people": sharing_queries.shared_with(conversation) if access.is_own(conversation) else [],
        "silent": ""
        if part.messages or attached.there
        else queries.why_silent(conversation, request.tenant.membership_id),
    }
    return render(request, "conversations/conversation_detail.html", context, status=status)


def _permissions(request: TenantRequest, conversation: Conversation) -> dict[str, object]:
    """What this reader may do here: write (it is theirs), and ask, which takes an agent besides; or why not."""
    is_own = access.is_own(conversation)
    can_write = is_own and access.can_ask(request.tenant)
    agent = conversation.agent
    is_open = agent is not None and agent.archived_at is None and conversation.archived_at is None
    return {"is_own": is_own, "can_write": can_write, "can_ask": can_write and is_open}
