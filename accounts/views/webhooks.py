"""Who tells us from outside that something happened, and how much of it is believed? Nothing: it only makes us look sooner."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts import problems, recurring, rounds
from accounts.access import accepts, public
from accounts.http import Reason, Refusal, refuse
from accounts.identity import providers


@public
@csrf_exempt  # it comes from a server, and proves itself by a signature over the body
@require_POST
@accepts("id", "created_at")
def workos(request: HttpRequest) -> HttpResponseBase:
    """A signed knock of WorkOS's: the events are read now instead of within the second."""
    if not providers.has_workos():
        raise Http404
    signature = request.headers.get("WorkOS-Signature", "")
    if not providers.workos().is_signed(request.body, signature):
        # Unsigned, signed by somebody else, or an old one sent again. Whatever it says, nobody acts on it.
        detail = {"sender": "workos", "check": "signature" if signature else "unsigned"}
        refuse(request, Refusal(Reason.CREDENTIAL, "webhook.refused", "warning", detail))
        return problems.page(request, 400)
    rounds.hurry(recurring.WORKOS)
    return HttpResponse(status=204)
