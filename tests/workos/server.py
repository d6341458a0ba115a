"""At which addresses does this WorkOS answer, to whom, and over which wire? A threaded HTTP server on loopback."""

from __future__ import annotations

import hmac
import json
import re
import threading
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.workos import endpoints, pages
from tests.workos.authenticate import Authenticator, Refused
from tests.workos.endpoints import Asked
from tests.workos.tokens import Signer
from tests.workos.world import CLIENT_ID, SERVER_KEY, WEBHOOK_SECRET, Person, World

HIDDEN = {"authenticate", "jwks", "authorize", "logout", "invite"}  # what needs no server key in a header


class Double:
    """A running WorkOS. ``auto`` signs somebody in without a page: whoever the login hint names, or this person."""

    def __init__(self, world: World | None = None, *, port: int = 0, issuer: str = "") -> None:
        self.world = world or World()
        self.signer = Signer()
        self.authenticator = Authenticator(self.world, self.signer, lambda: self.issuer)
        self.auto: Person | bool = True
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.issuer = issuer or self.url
        self.world.invitation_page = f"{self.url}/invite"
        self.redirect_uri = ""  # where this server's own pages send people who have not come from anywhere
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.world.faults.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self) -> None:
        """Answer until interrupted."""
        self._server.serve_forever()

    @property
    def asked(self) -> int:
        """How many requests came, to whatever endpoint."""
        return sum(self.world.faults.asked.values())

    # ── webhooks ────────────────────────────────────────────────────────────────────────────────────────────────

    def signature(self, body: bytes, *, secret: str = WEBHOOK_SECRET, seconds_ago: float = 0) -> str:
        """The header under which a webhook with this body would arrive."""
        moment = str(int((time.time() - seconds_ago) * 1000))
        mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, sha256).hexdigest()
        return f"t={moment}, v1={mac}"


def _handler(double: Double) -> type[BaseHTTPRequestHandler]:
    class Handler(_Answers):
        owner = double

    return Handler


class _Answers(BaseHTTPRequestHandler):
    owner: ClassVar[Double]
    protocol_version = "HTTP/1.1"
    # Head and body are written one by one: held back until the head is acknowledged, the body came 40 ms late (measured).
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class names it so
        """Stay quiet."""

    def do_GET(self) -> None:
        """Answer, whatever the method."""
        self._answer()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the base class looks for these names

    def _answer(self) -> None:
        where = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(where.query).items()}
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for pattern, method, name, answer in ROUTES:
            match = re.fullmatch(pattern, where.path)
            if match and method == self.command:
                asked = Asked(self.owner.world, match.groups(), query, json.loads(raw) if raw else {})
                self._answer_named(name, partial(answer, self, asked))
                return
        self._say(404, {"message": "Not Found", "code": "not_found"})

    def _answer_named(self, name: str, answer: Callable[[], None]) -> None:
        fault = self.owner.world.faults.of(name)
        if fault is not None:
            if fault.black_hole or fault.wait:
                self.owner.world.faults.wait(None if fault.black_hole else fault.wait)
            if fault.black_hole:
                self.close_connection = True
                return
            if fault.status or fault.body is not None:
                self._send(fault.status or 200, fault.body or b'{"message": "on demand", "code": "on_demand"}')
                return
        if name not in HIDDEN and self.headers.get("Authorization") != f"Bearer {SERVER_KEY}":
            self._say(401, {"message": "Unauthorized", "code": "unauthorized"})
            return
        try:
            answer()
        except Refused as refused:
            self._say(refused.status, refused.body)

    def _say(self, status: int, body: Any = None) -> None:
        self._send(status, b"" if body is None else json.dumps(body).encode())

    def _send(self, status: int, body: bytes, kind: str = "application/json", location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # ── what is not plain JSON ──────────────────────────────────────────────────────────────────────────────────

    def authenticate(self, asked: Asked) -> None:
        """Tokens for a proof."""
        self._say(200, self.owner.authenticator.answer(asked.body))

    def jwks(self, asked: Asked) -> None:
        """The public keys."""
        self._say(200, self.owner.signer.jwks())

    def authorize(self, asked: Asked) -> None:
        """Ask who is there, or send the browser back with a code at once."""
        query, world = asked.query, self.owner.world
        if query.get("client_id") != CLIENT_ID or "redirect_uri" not in query:
            raise Refused(422, {"message": "client_id or redirect_uri is not known.", "code": "invalid"})
        chosen = query.pop("as", "")
        if not chosen and self.owner.auto is False:
            self._send(200, pages.choice(world, query).encode(), "text/html; charset=utf-8")
            return
        person = world.people.get(chosen) if chosen else self._automatic(query)
        back = {"state": query["state"]} if "state" in query else {}
        invitation = world.open_invitation(query.get("invitation_token", ""))
        if person is not None and invitation is not None and person.email == invitation.email:
            world.accept(invitation, person)
        if person is None:
            back |= {"error": "access_denied", "error_description": "The person refused."}
        else:
            back["code"] = world.authorized(
                person,
                organization_id=query.get("organization_id"),
                challenge=query.get("code_challenge", ""),
                redirect_uri=query["redirect_uri"],
                method="SSO" if self._uses_sso(person, query) else "Password",
            )
        self._send(302, b"", location=f"{query['redirect_uri']}?{urlencode(back)}")

    def _automatic(self, query: dict[str, str]) -> Person | None:
        if isinstance(self.owner.auto, Person):
            return self.owner.auto
        hinted = self.owner.world.person_with(query.get("login_hint", ""))
        invitation = self.owner.world.open_invitation(query.get("invitation_token", ""))
        if invitation is not None:
            # Whoever follows such a link reads the mailbox, and gets an account there if there is none yet.
            hinted = self.owner.world.person_with(invitation.email) or self.owner.world.person(invitation.email)
        return hinted or next(iter(self.owner.world.people.values()), None)

    def _uses_sso(self, person: Person, query: dict[str, str]) -> bool:
        verified = {
            domain
            for one in self.owner.world.organizations.values()
            for domain, state in one.domains.items()
            if state == "verified"
        }
        return "organization_id" in query or person.email.rpartition("@")[2] in verified

    def invite(self, asked: Asked) -> None:
        """The page of a mailed link: somebody signs up or in, is a member, and is sent to the product, which did not send them."""
        invitation = self.owner.world.open_invitation(asked.query.get("invitation_token", ""))
        if invitation is None:
            raise Refused(404, {"message": "Invitation not found.", "code": "entity_not_found"})
        world = self.owner.world
        person = world.person_with(invitation.email) or world.person(invitation.email)
        world.accept(invitation, person)
        place = invitation.organization_id
        code = world.authorized(person, organization_id=place, redirect_uri=self.owner.redirect_uri, method="Password")
        self._send(302, b"", location=f"{self.owner.redirect_uri}?{urlencode({'code': code})}")

    def logout(self, asked: Asked) -> None:
        """End the session and send the browser on."""
        self.owner.world.end_session(asked.query.get("session_id", ""))
        self._send(302, b"", location=asked.query.get("return_to", "/"))

    def plain(self, answer: Callable[[Asked], Any], asked: Asked) -> None:
        """Any endpoint that takes JSON or a query and gives JSON."""
        with self.owner.world.lock:
            body = answer(asked)
        self._say(204 if body is None else 200, body)


Route = tuple[str, str, str, Callable[[_Answers, Asked], None]]


def _plain(pattern: str, method: str, name: str, answer: Callable[[Asked], Any]) -> Route:
    return pattern, method, name, lambda handler, asked: handler.plain(answer, asked)


ROUTES: list[Route] = [
    (r"/user_management/authenticate", "POST", "authenticate", _Answers.authenticate),
    (rf"/sso/jwks/{CLIENT_ID}", "GET", "jwks", _Answers.jwks),
    (r"/user_management/authorize", "GET", "authorize", _Answers.authorize),
    (r"/invite", "GET", "invite", _Answers.invite),
    (r"/user_management/sessions/logout", "GET", "logout", _Answers.logout),
    *(_plain(*row) for row in endpoints.PLAIN),
]
