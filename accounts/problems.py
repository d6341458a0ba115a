"""How is a refusal or a failure told: to a program as RFC 9457 problem details, to a person as a page?

Both say what happened, why, and what to do next; neither says whether a thing exists that the reader may not see. The pages make
no query, so that they can be shown when the database cannot be asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from accounts.access import public
from accounts.http import Reason, Refusal, refuse
from accounts.pagination import BadCursor
from accounts.requests import current_request
from accounts.routes import API_PREFIXES, OPENAI_PREFIX

TITLES = {
    400: "The request cannot be read",
    401: "A valid API key is needed",
    403: "This is not allowed",
    404: "Nothing is here",
    405: "The method is not supported here",
    409: "The state has changed",
    413: "The request is too large",
    415: "The media type is not supported",
    416: "The file has no such range",
    422: "Some fields need a different value",
    429: "Too many requests",
    500: "The server failed",
    502: "The answer could not be written",
    503: "The service is not available for the moment",
}
DETAILS = {
    400: "A part of the request is malformed. Compare it with /api/v1/openapi.json.",
    403: "Your role or your key does not allow this. Ask an owner of the workspace.",
    404: "There is nothing here that this key or this person can see. Check the address.",
    405: "This address answers other methods, which the Allow header names.",
    409: "Something else changed this at the same time. Read it again and decide anew.",
    413: "The body is larger than this address takes. Send less.",
    415: "This address takes another kind of body. The Content-Type must say which one is sent.",
    416: "The Range lies outside the file. Content-Range says how many bytes it has.",
    422: "A value is missing or of the wrong kind. Compare the request with /api/v1/openapi.json.",
    429: "This came too often. Wait as long as the Retry-After header says.",
    500: "This was our failure, and it was recorded. Try again; if it stays, report the request id.",
    502: "What had to write the answer failed. Try again in a few seconds.",
    503: "A system that has to agree cannot be asked. Nothing was changed. Try again in a few seconds.",
}
MEDIA = "application/problem+json"
# How OpenAI's clients are told of a status: its type and its code.
OPENAIS: dict[int, tuple[str, str | None]] = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", "insufficient_permissions"),
    404: ("invalid_request_error", "not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
RETRY_AFTER = "5"  # seconds


def is_api(request: HttpRequest) -> bool:
    """Does a program ask, so that answers are JSON?"""
    return request.path_info.startswith(API_PREFIXES)


def problem(
    request: HttpRequest,
    status: int,
    title: str = "",
    detail: str = "",
    **extra: Any,  # extension members of RFC 9457: any JSON
) -> HttpResponse:
    """Answer with application/problem+json (RFC 9457). `instance` is the request id, which the audit trail knows as well.

    Where OpenAI's clients ask, the same is told in their words.
    """
    if request.path_info.startswith(OPENAI_PREFIX):
        return _in_openais_words(status, detail or DETAILS.get(status, ""), extra)
    context = current_request()
    body = {
        "type": "about:blank",
        "title": title or TITLES.get(status, "The request was refused"),
        "status": status,
        "detail": detail or DETAILS.get(status, ""),
        "instance": f"urn:uuid:{context.request_id}" if context else None,
        **extra,
    }
    return JsonResponse(body, status=status, content_type=MEDIA)


def _in_openais_words(status: int, detail: str, extra: Mapping[str, Any]) -> HttpResponse:
    # They know no 422: what they call a bad request is one.
    status = 400 if status == 422 else status
    kind, code = OPENAIS.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    faults = extra.get("errors") or [{}]
    param = extra.get("param") or faults[0].get("field")
    error = {"message": detail, "type": kind, "param": param, "code": extra.get("code") or code}
    response = JsonResponse({"error": error}, status=status)
    response.is_problem = True  # type: ignore[attr-defined]  # told already, see `as_problem`
    return response


def page(request: HttpRequest, status: int, detail: str = "", template: str = "") -> HttpResponse:
    """Answer with the error page of `status`, which shows `detail` where one is given: a sentence of ours, never data."""
    values = {"number": status, "detail": detail, "request_id": getattr(request, "request_id", "")}
    text = render_to_string(template or f"{status}.html", values, request=request)
    return HttpResponse(text, status=status)


def answer(request: HttpRequest, status: int, detail: str = "") -> HttpResponse:
    """Answer with a problem to a program and with a page to a person."""
    return problem(request, status, detail=detail) if is_api(request) else page(request, status, detail)


@public
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler400: what Django refused before a view could (a foreign Host, a body past the limits, a request it cannot read)."""
    if isinstance(exception, DisallowedHost):
        # Links in mails and redirects are built from the Host header: a foreign one would lead people elsewhere.
        refuse(request, Refusal(Reason.HOST, "request.refused", "warning"))
    elif isinstance(exception, SuspiciousOperation | MultiPartParserError):
        # Also what is past the limits: no browser and no client of ours sends it.
        refuse(request, Refusal(Reason.MALFORMED, "request.refused", "warning"))
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return answer(request, 413) if is_api(request) else page(request, 413, DETAILS[413], "400.html")
    return answer(request, 400, str(exception) if isinstance(exception, BadCursor) else "")


@public
def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler403. The sentence of a `PermissionDenied` is ours and is shown; anything else keeps its words to itself."""
    return answer(request, 403, sentence(exception))


@public
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler404: one answer for what is missing and for what belongs to somebody else, byte for byte."""
    return answer(request, 404)


@public
def server_error(request: HttpRequest) -> HttpResponse:
    """handler500. Says nothing of the cause: the trace goes to the log, never to the client."""
    return answer(request, 500)


@public
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: a form that another site sent, or one from before the last sign-in."""
    # Another site makes a signed-in browser send a form: the cookie travels, the token does not.
    refuse(request, Refusal(Reason.CSRF, "request.refused", "warning"))
    return problem(request, 403) if is_api(request) else page(request, 403, template="403_csrf.html")


def as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """An error that some library answered to a program in its own way, as a problem with the same status and headers."""
    is_told = response.get("Content-Type", "") == MEDIA or getattr(response, "is_problem", False)
    if response.status_code < 400 or response.streaming or is_told:
        return response
    told = problem(request, response.status_code)
    for name in ("Allow", "Content-Range", "Retry-After", "WWW-Authenticate"):
        if name in response:
            told[name] = response[name]
    return told


def as_page(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """A page in the place of an empty answer that says "another method": somebody came back to the tab in which a form was refused."""
    if response.status_code != 405 or request.method != "GET":
        return response
    told = page(request, 405)
    told["Allow"] = response["Allow"]
    return told


def unavailable(request: HttpRequest, system: str, retry_after: str = RETRY_AFTER, detail: str = "") -> HttpResponse:
    """503 with Retry-After: `system` is silent. Never a way in, and never a sign-out."""
    refuse(request, Refusal(Reason.OUTAGE, "request.failed", "critical", {"system": system}))
    response = answer(request, 503, detail)
    response["Retry-After"] = retry_after
    return response


def sentence(exception: Exception | None) -> str:
    """The words of a PermissionDenied that this platform raised itself ("" for any other exception)."""
    if type(exception) is PermissionDenied and exception.args:
        return str(exception.args[0])
    return ""
