"""How is somebody answered whose act the database refused?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from django.core.exceptions import PermissionDenied
from django.http import Http404

from accounts.http import Reason, Refusal, TenantRequest, refuse
from accounts.services.members import Refused


def refuse_act(request: TenantRequest, refusal: Refused, sentences: Mapping[str, str]) -> NoReturn:
    """Raise what answers it: 404 for what is not there, 403 with its sentence for the rest."""
    if refusal.why == "missing":
        raise Http404
    # A role that was taken away while the page was open, one above one's own, an owner, the last owner: no page offers these.
    refuse(request, Refusal(Reason.ROLE, "request.refused", "warning", {"check": refusal.why}))
    raise PermissionDenied(sentences[refusal.why])
