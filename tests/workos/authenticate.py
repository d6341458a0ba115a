"""Who gets tokens for which proof, and what is asked besides? `POST /user_management/authenticate`, grant by grant."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pyotp

from tests.workos import shapes
from tests.workos.shapes import Json
from tests.workos.tokens import Signer
from tests.workos.world import CLIENT_ID, SERVER_KEY, Code, Person, Session, World, new_id

_URN = "urn:workos:oauth:grant-type:"


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def _oauth(error: str, words: str = "It does not fit.") -> Refused:
    return Refused(400, {"error": error, "error_description": words})


class Authenticator:
    """Turns proofs into sessions and tokens."""

    def __init__(self, world: World, signer: Signer, issuer: Callable[[], str]) -> None:
        self.world = world
        self.signer = signer
        self.issuer = issuer

    def answer(self, body: Json) -> Json:
        """The answer to one request. Raises ``Refused``."""
        if body.get("client_id") != CLIENT_ID or body.get("client_secret") != SERVER_KEY:
            raise Refused(401, {"error": "invalid_client", "error_description": "Unknown client."})
        grants = {
            "authorization_code": self._code,
            "password": self._password,
            "refresh_token": self._refresh,
            f"{_URN}organization-selection": self._organization,
            f"{_URN}email-verification:code": self._email,
            f"{_URN}mfa-totp": self._totp,
        }
        grant = grants.get(str(body.get("grant_type")))
        if grant is None:
            raise _oauth("unsupported_grant_type")
        with self.world.lock:
            return grant(body)

    # ── proofs ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _code(self, body: Json) -> Json:
        code = self.world.codes.pop(str(body.get("code")), None)
        if code is None or code.until < time.time():
            raise _oauth("invalid_grant", "The code is invalid or has been used.")
        hashed = sha256(str(body.get("code_verifier", "")).encode()).digest()
        if code.challenge and code.challenge != base64.urlsafe_b64encode(hashed).rstrip(b"=").decode():
            raise _oauth("invalid_grant", "The code verifier does not fit.")
        return self._proven(code, body)

    def _password(self, body: Json) -> Json:
        person = self.world.person_with(str(body.get("email", "")))
        if person is None or person.password is None or person.password != body.get("password"):
            raise Refused(401, {"code": "invalid_credentials", "message": "Invalid credentials."})
        if person.needs_sso:
            rest = {"email": person.email, "connection_ids": ["conn_01DOUBLE"]}
            raise Refused(403, {"error": "sso_required", "error_description": "Use SSO.", **rest})
        proof = Code(person.id, None, "", "", "Password", time.time() + 600)
        if not person.email_verified:
            token = self._hold(proof)
            self.world.email_codes[token] = "424242"
            raise self._flow("email_verification_required", token, email=person.email, email_verification_id="ev_1")
        return self._second_factor(proof, person, body)

    def _second_factor(self, proof: Code, person: Person, body: Json) -> Json:
        factors = [one for one in self.world.factors.values() if one.user_id == person.id]
        if factors:
            rows = [{"id": one.id, "type": "totp"} for one in factors]
            user = shapes.person(person)
            raise self._flow("mfa_challenge", self._hold(proof), user=user, authentication_factors=rows)
        if person.must_enrol:
            raise self._flow("mfa_enrollment", self._hold(proof), user=shapes.person(person))
        return self._proven(proof, body)

    def _totp(self, body: Json) -> Json:
        factor = self.world.factors.get(self.world.challenges.get(str(body.get("authentication_challenge_id")), ""))
        proof = self.world.pending.get(str(body.get("pending_authentication_token")))
        right = factor is not None and pyotp.TOTP(factor.secret).verify(str(body.get("code")), valid_window=1)
        if proof is None or factor is None or factor.user_id != proof.user_id or not right:
            raise Refused(400, {"code": "invalid_one_time_code", "message": "Invalid one-time code."})
        del self.world.challenges[str(body["authentication_challenge_id"])]
        del self.world.pending[str(body["pending_authentication_token"])]
        return self._proven(proof, body)

    def _email(self, body: Json) -> Json:
        token = str(body.get("pending_authentication_token"))
        if self.world.email_codes.get(token) != body.get("code"):
            raise Refused(400, {"code": "email_verification_code_incorrect", "message": "Incorrect code."})
        proof = self.world.pending.pop(token)
        self.world.people[proof.user_id].email_verified = True
        return self._second_factor(proof, self.world.people[proof.user_id], body)

    def _organization(self, body: Json) -> Json:
        proof = self.world.pending.pop(str(body.get("pending_authentication_token")), None)
        if proof is None:
            raise _oauth("invalid_grant")
        return self._proven(replace(proof, organization_id=str(body.get("organization_id"))), body)

    def _refresh(self, body: Json) -> Json:
        token = str(body.get("refresh_token"))
        session = self.world.sessions.get(self.world.refresh_tokens.get(token, ""))
        if session is None or session.status != "active" or session.user_id not in self.world.people:
            raise _oauth("invalid_grant", "The refresh token is invalid, used or over.")
        wanted = body.get("organization_id") or session.organization_id
        if wanted is not None:
            self._require_member(session.user_id, wanted)
        # Spent only by a refresh that succeeds: a wish for a foreign organisation leaves the session as it was.
        del self.world.refresh_tokens[token]
        session.organization_id = wanted
        return self._tokens(session)

    # ── sessions and tokens ─────────────────────────────────────────────────────────────────────────────────────

    def _proven(self, proof: Code, body: Json) -> Json:
        places = self.world.memberships_of(proof.user_id)
        if proof.organization_id is None and len(places) > 1:
            names = [
                {"id": one.organization_id, "name": self.world.organizations[one.organization_id].name}
                for one in places
            ]
            user = shapes.person(self.world.people[proof.user_id])
            raise self._flow("organization_selection_required", self._hold(proof), user=user, organizations=names)
        organization = proof.organization_id or (places[0].organization_id if places else None)
        if organization is not None:
            self._require_member(proof.user_id, organization)
        session = Session(
            id=new_id("session"),
            user_id=proof.user_id,
            organization_id=organization,
            method=proof.method,
            begun=time.time(),
            ip_address=body.get("ip_address"),
            user_agent=body.get("user_agent"),
            impersonator=proof.impersonator,
        )
        self.world.sessions[session.id] = session
        return self._tokens(session)

    def _require_member(self, user_id: str, organization_id: str) -> None:
        if not any(one.organization_id == organization_id for one in self.world.memberships_of(user_id)):
            raise _oauth("organization_membership_not_found", "The user has no active membership there.")

    def _tokens(self, session: Session) -> Json:
        refresh = secrets.token_urlsafe(24)
        self.world.refresh_tokens[refresh] = session.id
        impersonator = session.impersonator and {"email": session.impersonator, "reason": "Support"}
        return {
            "user": shapes.person(self.world.people[session.user_id]),
            "organization_id": session.organization_id,
            "access_token": self.signer.signed(self.claims(session)),
            "refresh_token": refresh,
            "authentication_method": session.method,
            **({"impersonator": impersonator} if impersonator else {}),
        }

    def claims(self, session: Session) -> Json:
        """What an access token of this session says."""
        now = int(time.time() + self.world.clock_skew)
        claims: dict[str, Any] = {
            "iss": self.issuer(),
            "sub": session.user_id,
            "sid": session.id,
            "client_id": CLIENT_ID,
            "jti": secrets.token_hex(8),
            "iat": now,
            "exp": now + self.world.token_seconds,
        }
        if session.organization_id:
            places = self.world.memberships_of(session.user_id)
            role = next((one.role for one in places if one.organization_id == session.organization_id), "member")
            claims |= {"org_id": session.organization_id, "role": role, "permissions": []}
        return {**claims, **self.world.extra_claims}

    def _hold(self, proof: Code) -> str:
        token = f"pending_{secrets.token_urlsafe(16)}"
        self.world.pending[token] = proof
        return token

    def _flow(self, code: str, token: str, **details: Any) -> Refused:
        return Refused(403, {"code": code, "message": code, "pending_authentication_token": token, **details})
