"""Which app answers which path? Includes only."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from accounts.operators import site as operators
from aiaxis import health
from aiaxis.api import api, compatible, openapi
from aiaxis.metrics.page import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("", include("accounts.urls")),
    path("", include("files.urls")),
    path("agents/", include("agents.urls")),
    path("models/", include("agents.vendors.urls")),
    path("tools/", include("agents.tools.urls")),
    path("export/", include("aiaxis.exports.urls")),
    path("import/", include("aiaxis.imports.urls")),
    path("kept/", include("conversations.keeping.urls")),
    path("usage/", include("conversations.usage.urls")),
    path("conversations/", include("conversations.urls")),
    path("", include("audit.urls")),
    path("", include("aiaxis.protection.urls")),
    path("", include("aiaxis.reference.urls")),
    path("operator/", operators.urls),
    path("api/v1/openapi.json", openapi, name="openapi"),
    path("api/v1/", api.urls),
    path("v1/", compatible.urls),
]

# Django's own refusals, told like all others: as a problem where programs ask, as a page elsewhere.
handler400 = "accounts.problems.bad_request"
handler403 = "accounts.problems.permission_denied"
handler404 = "accounts.problems.not_found"
handler500 = "accounts.problems.server_error"
