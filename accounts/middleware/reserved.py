"""Does the request try to say who it is?

Workspace, user and role come from the verified credential alone (P4). A request that carries such a name anywhere is refused and
recorded as spoofing, never silently ignored: a field that is ignored today is read by somebody's new code tomorrow (L8, L9, L45).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError
from django.http.response import HttpResponseBase

from accounts.http import Reason, Refusal, Sent, refuse
from accounts.problems import DETAILS, RETRY_AFTER, answer, is_api, page
from accounts.routes import Declaration, Door, Route, declaration, route_of
from accounts.waiting import NoPlace, arriving

# As they compare: lower-case, letters and digits only.
RESERVED: Final = frozenset(
    [
        "workspace",
        "workspaceid",
        "workspaceslug",
        "workspacename",
        "tenant",
        "tenantid",
        "org",
        "orgid",
        "organization",
        "organizationid",
        "organisation",
        "organisationid",
        "account",
        "accountid",
        "user",
        "userid",
        "username",
        "preferredusername",
        "useremail",
        "owner",
        "ownerid",
        "member",
        "memberid",
        "membership",
        "membershipid",
        "role",
        "roles",
        "actor",
        "actorid",
        "impersonate",
        "onbehalfof",
        "isadmin",
        "isstaff",
        "issuperuser",
        "isoperator",
    ]
)
# In a body these would let a client choose a row's key or rewrite its history.
RESERVED_IN_BODY: Final = RESERVED | {"id", "pk", "uuid", "createdat", "createdby", "updatedat", "updatedby"}
# Headers by which proxies elsewhere pass a user on: X-Forwarded-User, X-Auth-Role, X-Remote-User.
HEADER_PREFIXES: Final = (
    "forwarded",
    "auth",
    "authenticated",
    "remote",
    "aiaxis",
    "current",
    "request",
    "goog",
    "client",
)
# With which a header begins that says who is asking, whatever follows: X-User-Role, X-Auth-Request-Email, X-Forwarded-Groups.
# A proxy of somebody's may set one for its own purposes; that we read none of them today is no reason to let it in.
HEADER_BEGINNINGS: Final = (
    *("workspace", "tenant", "organization", "organisation", "org", "account", "customer"),
    *("user", "member", "owner", "role", "actor", "auth", "principal", "identity", "impersonat", "email", "group"),
)
# What rightly begins so, and why it stays.
HEADERS_OF_OTHERS: Final = {
    "useragent": "gRPC-web clients repeat the User-Agent in it, since browsers let no script set that",
    "originalhost": "a proxy says which host was asked for",
    "originatingip": "a proxy says where the connection came from",
    "forwardedhost": "a proxy says which host was asked for",
    "forwardedfor": "a proxy says where the connection came from; believed of trusted ones only (L41)",
    "forwardedproto": "a proxy says whether TLS ended at it",
    "forwardedport": "a proxy says at which port it was asked",
    "realip": "nginx' own word for where the connection came from; ignored",
    "requestid": "a proxy's number for the request; ours is made anew",
    "requestedwith": "libraries of browsers say that a script asks",
    "csrftoken": "carries a page's own token",
}
MULTIPART: Final = "multipart/form-data"
FORMS: Final = ("application/x-www-form-urlencoded", MULTIPART)
WITH_BODY: Final = ("POST", "PUT", "PATCH", "DELETE")
# What strangers may send: forms of a few fields, or another system's short message.
LARGEST_PUBLIC_BODY: Final = 64 * 1024
# Of a body that we take no more of, so much is still received; what is larger still is cut off.
LARGEST_READ_PAST: Final = 8 * 1024 * 1024
CHUNK: Final = 64 * 1024
CUT_SHORT: Final = "The connection ended before the whole body had arrived. Send it again."


class Unreadable(ValueError):
    """The body is not what its type says. The message is a sentence for the client's developer."""


class Pairs(list[tuple[str, Any]]):
    """A JSON object as written: unlike a dict it still shows a name that stood there twice."""


class ReservedNamesMiddleware:
    """Refuses a request that names a workspace, a person or a role, unless its route declares that very field."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Look at query, headers and body, in this order, and answer 400, or 415, at the first thing that may not pass."""
        route = route_of(request)
        if route.view is None:
            return self.get_response(request)
        declared = declaration(route.view, request.method or "")
        try:
            refused = _too_large(request, route) or _wrong_media(request, declared) or _spoofing(request, declared)
        except NoPlace as none:
            refused = _no_place(request, none)
        except Unreadable as unreadable:
            refuse(request, Refusal(Reason.MALFORMED, "request.refused"))
            refused = answer(request, 400, str(unreadable))
        return refused or self.get_response(request)


def compared(name: str) -> str:
    """A name as it compares: `workspaceId`, `WORKSPACE-ID`, `workspace_id[]` and full-width letters are all `workspaceid`."""
    folded = name if name.isascii() else unicodedata.normalize("NFKC", name)
    return "".join(letter for letter in folded.casefold() if letter.isalnum())


def _too_large(request: HttpRequest, route: Route) -> HttpResponseBase | None:
    """Refuse a stranger's large body by what it claims, before a byte of it is waited for."""
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if route.door is not Door.PUBLIC or not length.isdecimal() or int(length) <= LARGEST_PUBLIC_BODY:
        return None
    # A stranger could have every thread receive what no public address has a use for.
    refuse(request, Refusal(Reason.MALFORMED, "request.refused", "warning", {"place": "content-length"}))
    return page(request, 413, DETAILS[413], "400.html") if not is_api(request) else answer(request, 413)


def _no_place(request: HttpRequest, none: NoPlace) -> HttpResponseBase:
    # One client that sends slowly and often holds as many threads as it has unfinished bodies, everybody's threads.
    reason = Reason.OUTAGE if none.is_ours else Reason.THROTTLED
    refuse(request, Refusal(reason, "request.refused", "warning", {"place": "body"}))
    response = answer(request, 503 if none.is_ours else 429, str(none))
    response["Retry-After"] = RETRY_AFTER
    return response


def _wrong_media(request: HttpRequest, declared: Declaration) -> HttpResponseBase | None:
    if not declared.media or request.method not in WITH_BODY or not _has_body(request):
        return None
    if request.content_type == declared.media:
        return None
    # A JSON body where a file is expected could name a path on the server as the upload (L27); a form where JSON is expected
    # would be read by two parsers, of which only one was checked.
    refuse(request, Refusal(Reason.MALFORMED, "request.refused", "warning", {"place": "content-type"}))
    return answer(request, 415, f"This address takes {declared.media}. Send the body as that, with that Content-Type.")


def _spoofing(request: HttpRequest, declared: Declaration) -> HttpResponseBase | None:
    allowed = {compared(name) for name in declared.names}
    for place, names in _names(request):
        reserved = RESERVED_IN_BODY if place in ("form", "json") else RESERVED
        for name in names:
            key = compared(name)
            if (key in reserved or (place == "header" and key.startswith(HEADER_BEGINNINGS))) and key not in allowed:
                # Somebody tries to act as another workspace, person or role, or to choose a row's key (an upsert over
                # another workspace's row: L8).
                detail = {"place": place, "name": key}
                refuse(request, Refusal(Reason.RESERVED_NAME, "request.spoofed", "critical", detail))
                return answer(request, 400, _told(place, name))
    return None


def _told(place: str, name: str) -> str:
    where = {"query": "query", "header": "headers", "form": "form", "json": "body"}[place]
    return (
        f"The {where} of this request may not contain “{name[:40]}”. Workspace, person and role come from the sign-in or key "
        "alone, and AiAxis makes ids itself. Leave the field out."
    )


def _names(request: HttpRequest) -> Iterator[tuple[str, Iterable[str]]]:
    """Every place in which a request can carry a name, cheapest first; the body is read only if the rest may pass."""
    query = str(request.META.get("QUERY_STRING") or "")
    if query:
        if "%00" in query or "\x00" in query:
            # PostgreSQL text cannot hold NUL: a search for it would be a 500 (L42).
            raise Unreadable("The query contains a NUL character, which no text here can hold. Leave it out.")
        yield "query", request.GET
    yield "header", _headers(request)
    if request.method in WITH_BODY and _has_body(request):
        with arriving(request):
            try:
                found = list(_body_names(request))
            except RequestDataTooBig:
                _read_past(request)
                raise
        yield from found


def _headers(request: HttpRequest) -> Iterator[str]:
    for key in request.META:
        if not key.startswith("HTTP_X_"):
            continue
        name = compared(key.removeprefix("HTTP_X_"))
        if name not in HEADERS_OF_OTHERS:
            yield from _unprefixed(name)


def _unprefixed(name: str) -> Iterator[str]:
    """Yield the name, and what is left of it without each prefix: X-Auth-Request-User carries two of them."""
    yield name
    for prefix in HEADER_PREFIXES:
        if name.startswith(prefix) and name != prefix:
            yield from _unprefixed(name.removeprefix(prefix))


def _body_names(request: HttpRequest) -> Iterator[tuple[str, Iterable[str]]]:
    if request.content_type in FORMS:
        try:
            names = [*request.POST, *request.FILES, *getattr(request, "skipped_parts", ())]
        except UnreadablePostError as cut:
            raise Unreadable(CUT_SHORT) from cut
        # Files went by in pieces, and nobody has the whole of them.
        _note(request, names, None if request.content_type == MULTIPART else request.body)
        yield "form", names
        # Ninja reads a body as JSON whatever its type says; for its operations the media type was checked before.
        return
    if is_api(request) or (request.content_type or "").endswith("json"):
        body = _body(request)
        names = _json_names(body)
        _note(request, names, body)
        yield "json", names


def _note(request: HttpRequest, names: Iterable[str], body: bytes | None) -> None:
    """For the record of a refusal, by whatever refuses the request."""
    request.sent = Sent(tuple(names), body)  # type: ignore[attr-defined]  # read by sent_in


def _read_past(request: HttpRequest) -> None:
    """Receive the rest of a body that is too large, and throw it away.

    A client that is answered and cut off while it sends sees a broken connection, and not our sentence.
    """
    try:
        for _ in range(0, LARGEST_READ_PAST, CHUNK):
            if not request.read(CHUNK):
                return
    except UnreadablePostError as cut:
        raise Unreadable(CUT_SHORT) from cut


def _body(request: HttpRequest) -> bytes:
    # May raise RequestDataTooBig, which becomes a 413 (accounts.problems.bad_request).
    try:
        return request.body
    except UnreadablePostError as cut:
        raise Unreadable(CUT_SHORT) from cut


def _json_names(body: bytes) -> list[str]:
    """The names at the top level of a JSON body; none if it is empty or no object. Raises `Unreadable`."""
    if not body.strip():
        return []
    try:
        parsed = json.loads(body, object_pairs_hook=_pairs, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("The body is not valid JSON. Check its quotes, commas and encoding (UTF-8).") from error
    return [name for name, _ in parsed] if isinstance(parsed, Pairs) else []


def _pairs(pairs: list[tuple[str, Any]]) -> Pairs:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        # Two parsers may each take another of the two: one checks the first, the other acts on the second.
        raise Unreadable("The body names a field twice. Send each field once.")
    return Pairs(pairs)


def _not_json(word: str) -> None:
    raise Unreadable(f"The body contains {word}, which is not JSON. Send a number or null.")


def _has_body(request: HttpRequest) -> bool:
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    return length not in ("", "0") or "HTTP_TRANSFER_ENCODING" in request.META
