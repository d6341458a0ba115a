"""How is somebody answered whose act the database refused?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, Protocol

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from accounts.http import Reason, Refusal, TenantRequest, refuse


class Refused(Protocol):
    """What a service raises for an act that the database refused: `why` in one word, for which there is a sentence."""

    why: str


def refuse_act(request: TenantRequest, refusal: Refused, sentences: Mapping[str, str]) -> NoReturn:
    """Raise what answers it: 404 for what is not there, 403 with its sentence for the rest."""
    if refusal.why == "missing":
        raise Http404
    # A role that was taken away while the page was open, one above one's own, an owner, the last owner: no page offers these.
    refuse(request, Refusal(Reason.ROLE, "request.refused", "warning", {"check": refusal.why}))
    raise PermissionDenied(sentences[refusal.why])


def refuse_choice(
    request: TenantRequest, refusal: Refused, sentences: Mapping[str, str], *, page: str, severity: str = "notice"
) -> HttpResponse:
    """Tell on the page where it was asked for what will not do; a role that was taken away is answered as above."""
    if refusal.why == "role":
        refuse_act(request, refusal, sentences)
    refuse(request, Refusal(Reason.FORBIDDEN, "request.refused", severity, {"check": refusal.why}))
    messages.error(request, sentences[refusal.why])
    return redirect(page)
