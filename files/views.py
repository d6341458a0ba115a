"""The pages of files: the list, one file, a passage, the search.

Each looks a row up through the fence first (a colleague's private file is as missing as one that never was), then asks
a service, then answers.
"""

from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.access import has_role, role_required
from accounts.http import NotVisible, TenantRequest, note_reached
from accounts.models import Role
from accounts.pagination import paginate
from accounts.problems import answer, problem
from accounts.sharing import takes_back
from accounts.waiting import NoPlace
from files import access, delivery, intake, queries, quota, services, storage, uploads
from files.embedding import ModelMissing
from files.forms import ChosenForm, ListForm, QuoteForm, SearchForm, UploadForm, VisibilityForm
from files.models import File
from files.refusals import LARGEST_MEGABYTES
from files.tags.forms import TagsForm
from files.tags.queries import offered

ROWS_A_PAGE = 16
PREVIEW_PASSAGES = 20


@require_GET
def file_list(request: TenantRequest) -> HttpResponseBase:
    """The files that the member may see, newest first."""
    return _list_page(request, UploadForm(), status=200)


@require_POST
@role_required(Role.MEMBER)
def file_upload(request: TenantRequest) -> HttpResponseBase:
    """Take one or more files in. A script gets JSON for each, a plain form gets the list again; each file has its own result."""
    form = UploadForm(request.POST)
    try:
        received = uploads.received(request)
    except uploads.UploadStopped as stopped:
        return _upload_refused(request, form, stopped.status, str(stopped))
    if not form.is_valid():
        return _upload_refused(request, form, 422, "Choose who can read the file.")
    visibility = form.cleaned_data["visibility"]
    came = intake.sorted_out([intake.take(one, actor=request.tenant, visibility=visibility) for one in received])
    if not came.refused:
        return _upload_taken(request, came.taken)
    return _upload_refused(request, form, came.refused[0].status, came.sentence)


@require_GET
def file_detail(request: TenantRequest, file_id: UUID) -> HttpResponseBase:
    """One file: its state, who may read it, and the text that was read from it."""
    file = access.get_file_or_refuse(file_id)
    preview = queries.preview(file, _first_passage(request, file), PREVIEW_PASSAGES) if file.is_ready else None
    if preview is not None and preview.shown:
        services.note_reading(actor=request.tenant, file=file, purpose="preview", count=preview.shown)
    is_own = access.can_change(request.tenant, file) and has_role(request.tenant, Role.MEMBER)
    context = {
        "file": file,
        "preview": preview,
        "is_own": is_own,
        "may_take_back": access.can_change(request.tenant, file) and not is_own,
        "known_tags": offered() if is_own else [],
        "tags_form": TagsForm(),
        "can_make_agent": file.is_ready and has_role(request.tenant, Role.MEMBER),
        "use_note": queries.use_note(file),
        "can_be_read_again": file.is_ready
        or ((file.is_settled or file.is_overdue) and storage.holds(file.storage_key)),
        "has_bytes": file.status != File.Status.REFUSED,
        "percent": _percent(file),
        "visibility_form": VisibilityForm(initial={"visibility": file.visibility}),
    }
    return render(request, "files/file_detail.html", context)


@require_GET
def file_status(request: TenantRequest, file_id: UUID) -> HttpResponseBase:
    """The state of one file as a fragment, which asks again for itself until the reading ended."""
    file = access.get_file_or_refuse(file_id)
    if file.is_settled:
        # A redirect tells the page's script that more than this fragment has changed: it loads the page again.
        return redirect("files:states")
    return render(request, "files/_file_status.html", {"file": file, "percent": _percent(file)})


@require_GET
def file_states(request: TenantRequest) -> HttpResponseBase:
    """The states of the files that a list shows, together: a list with a hundred files in work asks once and not a hundred times."""
    form = ChosenForm(request.GET)
    wanted = form.cleaned_data["file"] if form.is_valid() else []
    files = list(File.objects.filter(pk__in=wanted).only("pk", "status", "refusal"))
    missing = set(wanted) - {file.pk for file in files}
    if missing:
        # Nothing is said of what is gone or somebody else's; the record learns which ids it was.
        note_reached(request, NotVisible(missing))
    return render(request, "files/_file_states.html", {"files": files})


@require_safe
def file_content(request: TenantRequest, file_id: UUID) -> HttpResponseBase:
    """The file's bytes, as a download: whole, or one range of them."""
    file = access.get_file_or_refuse(file_id)
    try:
        return delivery.give_out(request, file, actor=request.tenant)
    except storage.BytesMissing as missing:
        return answer(request, 404, str(missing))
    except storage.StorageUnavailable as unavailable:
        return answer(request, 503, str(unavailable))
    except NoPlace as none:
        return answer(request, 503 if none.is_ours else 429, str(none))


@require_POST
@role_required(Role.MEMBER, unless=takes_back)
def file_visibility(request: TenantRequest, file_id: UUID) -> HttpResponseBase:
    """Share a file with the workspace, or keep it to oneself again."""
    file = access.get_own_file_or_refuse(file_id, request.tenant)
    form = VisibilityForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose “Only you” or “Everyone in the workspace”.")
        return redirect("files:detail", file_id=file_id)
    services.share(actor=request.tenant, file=file, visibility=form.cleaned_data["visibility"])
    shared = file.visibility == "workspace"
    messages.success(
        request, "Everyone in the workspace can read this file now." if shared else "Only you can read this file now."
    )
    return redirect("files:detail", file_id=file_id)


@require_POST
@role_required(Role.MEMBER)
def file_read_again(request: TenantRequest, file_id: UUID) -> HttpResponseBase:
    """Read a file anew, after a failure of ours or a better reader."""
    file = access.get_own_file_or_refuse(file_id, request.tenant)
    try:
        services.requeue(actor=request.tenant, file=file)
    except (storage.BytesMissing, storage.StorageUnavailable) as error:
        messages.error(request, str(error))
    except IntegrityError:
        messages.error(request, "You have uploaded the same file again since. Delete this entry and use the other one.")
    return redirect("files:detail", file_id=file_id)


@require_POST
@role_required(Role.MEMBER)
def file_delete(request: TenantRequest, file_id: UUID) -> HttpResponseBase:
    """Delete a file with everything that was made of it."""
    file = access.get_own_file_or_refuse(file_id, request.tenant)
    services.delete(actor=request.tenant, file=file)
    messages.success(request, f"“{file.name}” is deleted, with everything that was read from it.")
    return redirect("files:list")


@require_GET
def passage(request: TenantRequest, file_id: UUID, passage_id: UUID) -> HttpResponseBase:
    """The page of a file on which a passage stands, with the quoted characters marked."""
    found = access.get_passage_or_refuse(file_id, passage_id)
    form = QuoteForm(request.GET)
    quote = form.cleaned_data if form.is_valid() else {}
    services.note_reading(actor=request.tenant, file=found.file, purpose="passage", count=1)
    page = queries.page_text(found, quote.get("start"), quote.get("end"))
    context = {"file": found.file, "passage": found, "page": page}
    context |= {"conversation": quote.get("conversation"), "answer": str(quote.get("answer") or "")}
    return render(request, "files/passage.html", context)


@require_GET
def search(request: TenantRequest) -> HttpResponseBase:
    """Search in the text of all files that the member may see, by words and by meaning."""
    form = SearchForm(request.GET)
    question = form.cleaned_data["q"].strip() if form.is_valid() else ""
    context: dict[str, object] = {"form": form, "question": question}
    if question:
        try:
            hits = queries.search(question)
        except ModelMissing as missing:
            context["outage"] = str(missing)
            return render(request, "files/search.html", context, status=503)
        services.note_search(actor=request.tenant, found=[hit.file_id for hit in hits])
        context |= {"hits": hits, "named": queries.named(question)}
    return render(request, "files/search.html", context, status=200 if form.is_valid() else 422)


def _list_page(request: TenantRequest, form: UploadForm, status: int, refusal: str = "") -> HttpResponse:
    filters = ListForm(request.GET)
    chosen = filters.cleaned_data if filters.is_valid() else {}
    files = queries.listing(chosen.get("status", ""), chosen.get("q", "").strip(), chosen.get("tag", ""))
    page = paginate(queries.with_tags(files), request.GET.get("cursor"), ROWS_A_PAGE)
    may_upload = has_role(request.tenant, Role.MEMBER)
    context = {
        "form": form,
        "filters": filters,
        "is_filtered": any(chosen.values()),
        "tag": chosen.get("tag", ""),
        "known_tags": offered(),
        # In one form with what deletes the chosen files, which needs no tag.
        "tags_form": TagsForm(use_required_attribute=False),
        "page": page,
        "may_upload": may_upload,
        # Only one's own can be chosen: where none is shown, neither is what could be done with them.
        "may_choose": may_upload and any(file.owner_id == request.tenant.membership_id for file in page.items),
        "refusal": refusal,
        "limit": LARGEST_MEGABYTES,
        "kept": quota.storage(),
    }
    return render(request, "files/file_list.html", context, status=status)


def _upload_refused(request: TenantRequest, form: UploadForm, status: int, sentence: str) -> HttpResponseBase:
    if intake.wants_json(request):
        return problem(request, status, "The file was not taken", sentence)
    return _list_page(request, form, status, refusal=sentence)


def _upload_taken(request: TenantRequest, taken: list[services.Upload]) -> HttpResponseBase:
    if intake.wants_json(request):
        # The script says so in the upload's own row, which is where the person looks.
        return JsonResponse({"files": [intake.described(one.file, is_new=one.is_new) for one in taken]}, status=201)
    for one in taken:
        if not one.is_new:
            messages.info(request, f"You already have this file, as “{one.file.name}”.")
    return redirect("files:list")


def _percent(file: File) -> int | None:
    return queries.indexed_percent(file) if file.status == File.Status.INDEXING else None


def _first_passage(request: TenantRequest, file: File) -> int:
    page = _number(request.GET.get("page", ""))
    return queries.position_of_page(file, page) if page else _number(request.GET.get("from", ""))


def _number(given: str) -> int:
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 8 else 0
