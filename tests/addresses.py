"""Which addresses are there, and how is each asked? Read from the resolver, so that one made tomorrow is among them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from ninja.operation import Operation, PathView

from tests import doors
from tests.cast import OLGA, Person
from tests.doors import browser, program

# Everything that anybody may open. An address that is not on this list and open is a hole; write down why it is here.
PUBLIC = {
    "/healthz": "says that the process answers, and nothing else",
    "/readyz": "says which part is missing, by name",
    "/metrics": "asks for the installation's token; without one it is not there",
    "/": "redirects to the sign-in page or to the conversations",
    "/sign-in/": "where people come in",
    "/sign-in/address/": "shows what to sign in with, the same for every address of a domain",
    "/sign-in/workspace/": "asks for the proof that the sign-in left in a cookie",
    "/invitations/": "leads from the link that WorkOS mailed to the invitation's page",
    "/invitations/<str:token>/": "shows an invitation to whoever was mailed its link",
    "/invitations/<str:token>/join/": "asks for the link and a session of the invited address",
    "/invitations/<str:token>/sign-in/": "remembers the link in this browser, and leads to the sign-in",
    "/invitations/<str:token>/new/": "asks for the link, and makes an account for its mailbox",
    "/sign-in/more/": "asks for what an identity provider wants besides a right password, kept in an encrypted cookie",
    "/sign-in/second/": "asks for a code after a right password, which the sign-in left in a cookie",
    "/sign-in/forgotten/": "takes an address, and answers every one alike",
    "/sign-in/reset/": "asks for the token of a mailed link",
    "/sign-in/sso/": "sends people to their company's sign-in",
    "/sign-in/sso/callback/": "takes them in if they bring what this browser left with",
    "/trust/": "says how the installation is built and set up, and asks no database",
    "/webhooks/workos/": "a server knocks here, with a signature",
    "/operator/sign-in/": "where operators come in",
    "/operator/sign-in/second/": "asks for a code after an operator's right password",
    "/operator/sign-in/enrol/": "sets up an operator's second factor after a right password",
    "/api/v1/openapi.json": "describes the API, holds no data",
    "/docs/api/": "says the same to people, from the same document",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MISSING = "01890000-0000-7000-8000-00000000dead"
MISSING_NUMBER = "4611686018427387904"
CONVERTER = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")


@dataclass(frozen=True)
class Address:
    """One pattern of the resolver."""

    pattern: str
    view: Any

    @property
    def names(self) -> list[str]:
        """The parameters in the path."""
        return [found["name"] for found in CONVERTER.finditer(self.pattern)]

    @property
    def is_api(self) -> bool:
        """Does a program ask here?"""
        return self.pattern.startswith(("/api/", "/v1/"))

    @property
    def is_operators(self) -> bool:
        """Do operators ask here?"""
        return self.pattern.startswith("/operator/")

    def path(self, ids: dict[str, str]) -> str:
        """The address with these ids in it; an id that is not given is one that nobody has."""
        missing = {"int": MISSING_NUMBER}
        return CONVERTER.sub(lambda found: ids.get(found["name"], missing.get(found["kind"], MISSING)), self.pattern)

    @property
    def methods(self) -> tuple[str, ...]:
        """What an API address answers; for pages, both methods that a browser can send."""
        return tuple(method for one in self.operations for method in one.methods) or ("GET", "POST")

    @property
    def operations(self) -> list[Operation]:
        """The API operations of the address; none for a page."""
        cells = getattr(self.view, "__closure__", None) or ()
        return [
            one for cell in cells if isinstance(cell.cell_contents, PathView) for one in cell.cell_contents.operations
        ]


def walk(resolver: URLResolver, prefix: str = "/") -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            yield Address(path, pattern.callback)
        else:
            yield from walk(pattern, path)


ADDRESSES = sorted({one.pattern: one for one in walk(get_resolver())}.values(), key=lambda one: one.pattern)
CLOSED = [one for one in ADDRESSES if one.pattern not in PUBLIC]
WITH_IDS = [one for one in CLOSED if one.names and not one.is_operators]


def ids_of(addresses: list[Address]) -> list[str]:
    return [one.pattern for one in addresses]


def client_for(address: Address, person: Person | None) -> Client:
    """Whatever this person would use at this address."""
    if address.is_api:
        return Client(raise_request_exception=True) if person is None else program(person)
    if person is OLGA:
        return doors.operator(person)
    return browser(person)


def send(client: Client, method: str, path: str, is_api: bool) -> HttpResponseBase:
    body = b"{}" if is_api and method != "GET" else b""
    return client.generic(method, path, body, "application/json" if body else "application/octet-stream")
