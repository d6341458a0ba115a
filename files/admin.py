"""What does an operator see of a workspace's files while a visit is open? To read, and nothing else.

Private files too, since that is what a visit is for. Names and texts are shown as they are, as text and nothing more.
"""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from accounts.glass.models import Visit
from accounts.glass.sections import Page, shown, shows
from accounts.operators import OperatorRequest
from accounts.pagination import paginate
from accounts.problems import answer
from files import access, delivery, storage
from files.models import File, Passage

ROWS_ON_A_PAGE = 50
PASSAGES_ON_A_PAGE = 20


def file_list(request: OperatorRequest, visit: Visit) -> TemplateResponse:
    """Every file of the workspace, newest first."""
    page = paginate(File.objects.select_related("owner"), request.GET.get("cursor"), ROWS_ON_A_PAGE)
    return shown(request, "files/operator_glass_files.html", visit, page=page)


def file_page(request: OperatorRequest, visit: Visit, row_id: UUID) -> TemplateResponse:
    """One file: what is known of it, and the text that was read from it."""
    file = access.get_file_or_refuse(row_id)
    first = _number(request.GET.get("from", ""))
    found = Passage.objects.filter(file=file, position__gte=first).order_by("position")[: PASSAGES_ON_A_PAGE + 1]
    passages = list(found.defer("tsv"))
    further = passages[PASSAGES_ON_A_PAGE].position if len(passages) > PASSAGES_ON_A_PAGE else None
    values = {"file": file, "passages": passages[:PASSAGES_ON_A_PAGE], "further": further}
    has_bytes = file.status != File.Status.REFUSED and storage.holds(file.storage_key)
    return shown(request, "files/operator_glass_file.html", visit, has_bytes=has_bytes, **values)


def file_content(request: OperatorRequest, visit: Visit, row_id: UUID) -> HttpResponseBase:
    """The file's bytes, which a browser only ever saves."""
    try:
        return delivery.attachment(access.get_file_or_refuse(row_id), None)
    except storage.BytesMissing as missing:
        raise Http404("The file's bytes are gone.") from missing
    except storage.StorageUnavailable as unavailable:
        return answer(request, 503, str(unavailable))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


shows(
    "files",
    "Files",
    pages=[
        Page("", "glass_files", "", file_list),
        Page("<uuid:row_id>/", "glass_file", "file", file_page),
        Page("<uuid:row_id>/content/", "glass_file_content", "file", file_content),
    ],
)
