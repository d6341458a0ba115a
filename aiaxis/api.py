"""Which operations does the API offer, and how does each of its failures read?

The routers are the apps'; here they are mounted, and every exception becomes an RFC 9457 problem. The key was resolved, and the
fence bound, before any of this runs (`accounts.middleware`). Conventions: `accounts/schemas.py`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from django.core.exceptions import BadRequest, ImproperlyConfigured, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from accounts.access import public
from accounts.api import router as accounts_router
from accounts.http import note_reached
from accounts.middleware import repeats
from accounts.problems import MEDIA, permission_denied, problem, unavailable
from accounts.routes import OPENAI_PREFIX
from accounts.schemas import OpenAIError, Problem, Refused
from accounts.submissions import LONGEST_KEY
from agents.api import router as agents_router
from agents.versions.api import router as versions_router
from audit.api import router as audit_router
from conversations.api import router as conversations_router
from conversations.attachments.api import router as attachments_router
from conversations.completions.api import router as openai_router
from conversations.exporting.api import router as conversation_export_router
from conversations.feedback.api import router as feedback_router
from conversations.searching.api import router as conversation_search_router
from conversations.usage.api import router as usage_router
from files.api import router as files_router

api: Final = NinjaAPI(
    title="AiAxis",
    version="1",
    description=(
        "Agents over a company's files. Send a key of your workspace: `Authorization: Bearer <key>`. Lists come as "
        '`{"items": […], "next": cursor or null}`, errors as RFC 9457 problem details.'
    ),
    urls_namespace="api",
    docs_url=None,  # ninja's page loads its scripts from a CDN
    openapi_url=None,  # served below, open and with the errors described
    openapi_extra={"security": [{"key": []}]},
)
# What OpenAI's clients find when /v1 is their base URL. Described in the same document.
compatible: Final = NinjaAPI(title="AiAxis", version="1", urls_namespace="openai", docs_url=None, openapi_url=None)
# What "key" above names. Set into the document by hand: ninja writes its own components over those of `openapi_extra`.
SECURITY_SCHEMES: Final = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key of your workspace, made under Settings."}
}
MISSING_MODEL: Final = {
    "detail": "There is no model of this name that your key can see. GET /v1/models lists those that there are.",
    "param": "model",
    "code": "model_not_found",
}
REPEATED: Final = (
    "The same request sent again with the same one, within a day, gets the answer of the first and makes nothing twice."
)
# The faults that clients meet most, in words of ours; pydantic's own serve for the rest.
SENTENCES: Final = {
    "missing": "It is needed and was not sent",
    "extra_forbidden": "There is no such field here; leave it out",
}
api.add_router("", accounts_router)
api.add_router("", files_router)
api.add_router("", agents_router)
api.add_router("", versions_router)
api.add_router("", conversation_search_router)
api.add_router("", feedback_router)
api.add_router("", conversation_export_router)
api.add_router("", conversations_router)
api.add_router("", attachments_router)
api.add_router("", usage_router)
api.add_router("", audit_router)
compatible.add_router("", openai_router)


@public
def openapi(request: HttpRequest) -> HttpResponse:
    """Serve the description of the API: public, since it holds no customer's data and clients are generated from it."""
    return JsonResponse(described())


@cache
def described() -> dict[str, Any]:
    """The OpenAPI document of every operation, those for OpenAI's clients among them."""
    schema: dict[str, Any] = api.get_openapi_schema()
    openais = compatible.get_openapi_schema()
    schema["paths"] |= openais["paths"]
    schemas = schema["components"]["schemas"]
    theirs = openais["components"]["schemas"]
    twice = [name for name in theirs if schemas.get(name, theirs[name]) != theirs[name]]
    if twice:
        # The description of one would stand for the other.
        raise ImproperlyConfigured(f"Two schemas of the API are named {', '.join(twice)}.")
    schemas |= theirs
    schemas |= {"Problem": Problem.model_json_schema(), "OpenAIError": OpenAIError.model_json_schema()}
    schema["components"]["securitySchemes"] = SECURITY_SCHEMES
    asked = _scopes()
    for address, path in schema["paths"].items():
        is_openais = address.startswith(OPENAI_PREFIX)
        media, name = ("application/json", "OpenAIError") if is_openais else (MEDIA, "Problem")
        content = {media: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        for operation in path.values():
            # Since OpenAPI 3.1 any scheme's requirement names what the credential must be allowed.
            operation["security"] = [{"key": asked[operation["operationId"]]}]
            operation["responses"]["default"] = {"description": "Refused or failed", "content": content}
        if "post" in path and not is_openais:
            _repeatable(path["post"])
        if "head" in path:
            # One function answers GET and HEAD, and ninja names both after it; a name has to be one operation's.
            path["head"] = {**path["head"], "operationId": f"{path['head']['operationId']}_head"}
    return schema


def _scopes() -> dict[str, list[str]]:
    """The scope that each operation asks of a key, where `scope_required` left it; none for what any key may ask."""
    operations = [
        (one, operation)
        for one in (api, compatible)
        for router in one._get_bound_routers()  # what ninja's own description reads
        for view in router.path_operations.values()
        for operation in view.operations
    ]
    return {
        one.get_openapi_operation_id(operation): [scope]
        if (scope := getattr(operation.view_func, "required_scope", ""))
        else []
        for one, operation in operations
    }


def _repeatable(operation: dict[str, Any]) -> None:
    """Every POST takes an Idempotency-Key (accounts/middleware/repeats.py), whether the operation itself looks at it or not."""
    others = [one for one in operation.get("parameters", []) if one["name"] != repeats.HEADER]
    schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY}
    operation["parameters"] = [
        *others,
        {"in": "header", "name": repeats.HEADER, "schema": schema, "required": False, "description": REPEATED},
    ]


def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """422, with the place and the reason of each value that will not do; never the value itself."""
    sent = (
        json.loads(request.body)
        if any(fault["loc"][:1] == ("body",) for fault in error.errors) and request.body
        else {}
    )
    errors = [{"field": _field(fault["loc"], sent), "reason": _reason(fault)} for fault in error.errors]
    first = errors[0] if errors else {"field": "body", "reason": "It is missing."}
    return problem(request, 422, detail=f"{first['field']}: {first['reason']}.", errors=errors)


def _field(place: Sequence[Any], sent: Any) -> str:
    """Where the fault is, as the client wrote it: without the part of the request, the name that our function gives its body, and
    what pydantic calls the kinds among which a value may be one.
    """
    inside = place[2:] if place[:1] == ("body",) else place[1:]
    written: list[str] = []
    for number, part in enumerate(inside, start=1):
        is_there = part in sent if isinstance(sent, dict) else isinstance(sent, list) and isinstance(part, int)
        if is_there:
            sent = sent[part]
        elif place[:1] == ("body",) and not (isinstance(sent, dict) and number == len(inside)):
            continue
        written.append(str(part))
    return ".".join(written) or "body"


def _reason(fault: Mapping[str, Any]) -> str:
    # It becomes a part of a sentence, which ends by itself.
    return SENTENCES.get(fault["type"], str(fault["msg"]).removeprefix("Value error, ").removesuffix("."))


def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    """An operation's own refusal."""
    words = {name: value for name, value in (("code", error.code), ("param", error.param)) if value}
    response = problem(request, error.status, detail=error.detail, **words)
    if error.is_lasting:
        response["X-Should-Retry"] = "false"
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def missing(request: HttpRequest, error: Http404) -> HttpResponse:
    """404, the same bytes for what is missing and for what belongs to somebody else. The record learns what it was."""
    note_reached(request, error)
    return (
        problem(request, 404, **MISSING_MODEL) if request.path_info.startswith(OPENAI_PREFIX) else problem(request, 404)
    )


def forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    """403, with the sentence of the check that refused."""
    return permission_denied(request, error)


def unparsed(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What ninja itself refuses, such as a body that it cannot parse."""
    return problem(request, error.status_code)


def malformed(request: HttpRequest, error: Exception) -> HttpResponse:
    """400: a cursor that is not ours, or something that Django will not read."""
    return problem(request, 400, detail=str(error) if isinstance(error, BadRequest) else "")


def outage(request: HttpRequest, error: Exception) -> HttpResponse:
    """503: the database went away in the middle. A client may try again."""
    return unavailable(request, "platform database")


def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """Anything else is our fault: Django logs it and answers with handler500, in DEBUG as well."""
    raise error


HANDLERS: Final[tuple[tuple[type[Exception], Callable[..., HttpResponse]], ...]] = (
    (ValidationError, invalid),
    (Refused, refused),
    (Http404, missing),
    (PermissionDenied, forbidden),
    (HttpError, unparsed),
    (BadRequest, malformed),
    (SuspiciousOperation, malformed),
    (OperationalError, outage),
    (InterfaceError, outage),
    (Exception, failed),
)
for one in (api, compatible):
    for kind, handler in HANDLERS:
        one.add_exception_handler(kind, handler)
