"""Is this process alive, and can it serve people now?

It stands on the roof because the answer takes every floor: both databases, and the audit's pipeline. The answers are
for machines and for strangers, so they name parts and never causes; the causes are in the log.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import public
from accounts.identity import asking
from accounts.identity.base import Unavailable
from audit import health as audit_health
from audit.services import spool_folder
from files import storage

# `cache` logs in as the same role as `default`, and needs no workspace to be asked something.
DATABASES = {"platform database": "cache", "identity store": "identity"}


@public
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer as long as the process can: it asks nobody, so a restart is the right cure when it falls silent."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@public
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when requests can be served, 503 when one of the two systems that must agree is silent.

    A late audit trail does not stop anybody, since entries wait safely in the spool, but it shows as "degraded"; so does
    what was kept long enough and could not leave it. Where the place of files is away, everything else goes on, at every host
    alike: to take them all out of a proxy would help nobody.
    """
    parts = {name: _state(name, alias) for name, alias in DATABASES.items()}
    ready = set(parts.values()) == {"ok"}
    parts["audit trail"] = "late" if audit_health.trouble(spool_folder()) else "ok"
    parts["files"] = "silent" if storage.is_away() else "ok"
    parts["retention"] = "late" if audit_health.kept_back(spool_folder()) else "ok"
    status = "ready" if set(parts.values()) == {"ok"} else "degraded" if ready else "not ready"
    return JsonResponse({"status": status, "parts": parts}, status=200 if ready else 503)


def _state(name: str, alias: str) -> str:
    try:
        asking.one_row(alias, "SELECT 1", [], system=name)
    except Unavailable:
        return "silent"
    return "ok"
