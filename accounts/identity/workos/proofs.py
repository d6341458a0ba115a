"""How does somebody prove to WorkOS who they are: by password, by their company's sign-in, and by whatever it asks besides?

Each way ends in a ``Proof``: WorkOS's two tokens, verified here and kept on the server, and what they say about the person.
"""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from accounts.identity import tokens
from accounts.identity.asking import store_asked
from accounts.identity.base import (
    BadCredentials,
    Client,
    Enrolment,
    Identity,
    IdentityRefusal,
    Proof,
    Revoked,
    SsoStart,
    Unavailable,
)
from accounts.identity.store.models import SpentProof
from accounts.identity.workos.connection import ONCE, SYSTEM, current, translated
from accounts.identity.workos.verification import Expired

if TYPE_CHECKING:
    from workos.user_management.models import AuthenticateResponse

PROVIDER: Final = "workos"
# WorkOS's word for a company's own sign-in; every other way through its hosted page is "authkit", which no rule about SSO accepts.
_SSO: Final = "SSO"
_KEPT_DAYS: Final = 1  # a code is good for ten minutes; after a day its mark is of no use

logger = logging.getLogger(__name__)


class Proofs:
    """The part of the provider that turns what a person can show into a proof."""

    # ── passwords, and what may be asked besides ────────────────────────────────────────────────────────────────

    def authenticate_password(
        self, *, email: str, password: str, client: Client, reserve: Callable[[], None] | None = None
    ) -> Proof:
        """Have WorkOS verify a password. Raises what the protocol says; ``FollowUp`` refusals carry its pending token."""
        if reserve is not None:
            reserve()
        with translated():
            answer = current().client.user_management.authenticate_with_password(
                email=email, password=password, **_from(client), request_options=ONCE
            )
        return proof_of(answer, method="password")

    def verify_email(self, *, pending: str, code: str, client: Client) -> Proof:
        """Finish what ``EmailUnverified`` interrupted, with the code that WorkOS mailed."""
        with translated():
            answer = current().client.user_management.authenticate_with_email_verification(
                code=code, pending_authentication_token=pending, **_from(client), request_options=ONCE
            )
        return proof_of(answer, method="password")

    def challenge(self, factor_id: str) -> str:
        """Begin a challenge of one of the factors that ``MfaRequired`` named; returns its id."""
        with translated():
            return str(current().client.multi_factor_auth.challenge_factor(factor_id, request_options=ONCE).id)

    def enrol(self, *, subject: str, email: str) -> Enrolment:
        """Set up an authenticator app for a person whom ``MfaRequired`` says to have none."""
        with translated():
            answer = current().client.multi_factor_auth.create_user_auth_factor(
                subject, type="totp", totp_issuer="AiAxis", totp_user=email, request_options=ONCE
            )
            totp = answer.authentication_factor.totp
            if totp is None:
                raise Unavailable(SYSTEM)
            return Enrolment(uri=totp.uri, secret=totp.secret, challenge_id=answer.authentication_challenge.id)

    def answer_challenge(self, *, pending: str, challenge_id: str, code: str, client: Client) -> Proof:
        """Finish what ``MfaRequired`` interrupted, with the code of the authenticator app."""
        with translated():
            answer = current().client.user_management.authenticate_with_totp(
                code=code,
                pending_authentication_token=pending,
                authentication_challenge_id=challenge_id,
                **_from(client),
                request_options=ONCE,
            )
        return proof_of(answer, method="password")

    def choose_organization(self, *, pending: str, organization_id: str, client: Client) -> Proof:
        """Finish what ``OrganizationChoice`` interrupted."""
        with translated():
            answer = current().client.user_management.authenticate_with_organization_selection(
                pending_authentication_token=pending,
                organization_id=organization_id,
                **_from(client),
                request_options=ONCE,
            )
        proof = proof_of(answer)
        if proof.identity.organization_id != organization_id:
            raise BadCredentials
        return proof

    # ── a sign-in elsewhere ─────────────────────────────────────────────────────────────────────────────────────

    def start_sso(
        self,
        *,
        redirect_uri: str,
        organization_id: str | None,
        email_hint: str | None,
        invitation: str | None = None,
        anew: bool = False,
    ) -> SsoStart:
        """Where to send the browser: to the organisation's own sign-in, or to WorkOS's page, which finds it by the address."""
        state, nonce, verifier = tokens.new_token(), tokens.new_token(), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        with translated():
            url = current().client.user_management.get_authorization_url(
                redirect_uri=redirect_uri,
                organization_id=organization_id,
                provider=None if organization_id else "authkit",
                login_hint=email_hint,
                invitation_token=invitation,
                # WorkOS's page remembers people: without these, whoever finds the browser open would be back at once.
                prompt="login" if anew else None,
                max_age=0 if anew and not organization_id else None,
                state=state,
                code_challenge=challenge,
                code_challenge_method="S256",
            )
        return SsoStart(url=url, state=state, nonce=nonce, code_verifier=verifier)

    def finish_sso(self, *, code: str, code_verifier: str, nonce: str, client: Client) -> Proof:
        """Exchange the code. A nonce is spent before anything is asked: neither a replay nor a double click gets a second try."""
        _spend(nonce)
        with translated():
            answer = current().client.user_management.authenticate_with_code(
                code=code, code_verifier=code_verifier, **_from(client), request_options=ONCE
            )
        return proof_of(answer)

    def abandon(self, proof: Proof) -> None:
        """Let WorkOS end the session of a proof that is not going to be used."""
        try:
            with current().on_the_way() as client:
                client.user_management.revoke_session(session_id=proof.kept["sid"], request_options=ONCE)
        except IdentityRefusal:
            # Nobody holds its tokens but this process, which forgets them now.
            logger.warning("A sign-in was refused here, and WorkOS could not be told.")


def _from(client: Client) -> dict[str, str]:
    said = {"ip_address": client.address, "user_agent": client.user_agent}
    return {name: value for name, value in said.items() if value}


def _spend(nonce: str) -> None:
    """Mark this sign-in as used. Raises ``BadCredentials`` for one that was."""
    mark = sha256(b"sso:" + nonce.encode()).digest()

    def spend() -> bool:
        now = timezone.now()
        SpentProof.objects.filter(spent_at__lt=now - timedelta(days=_KEPT_DAYS)).delete()
        return SpentProof.objects.get_or_create(mark=mark)[1]

    if not store_asked(spend):
        raise BadCredentials


def proof_of(answer: AuthenticateResponse, *, method: str = "") -> Proof:
    """What WorkOS answered, once its token was verified and says the same as the rest. Raises ``BadCredentials``, ``Unavailable``."""
    with translated():
        # An empty or unreadable answer has none of these.
        user, access, refresh = answer.user, answer.access_token, answer.refresh_token
        email, is_verified = str(user.email), user.email_verified is True
        said = answer.authentication_method
        organization = answer.organization_id or ""
        impersonator = answer.impersonator.email if answer.impersonator else None
    try:
        claims = current().verifier.claims(access)
    except (Expired, Revoked) as error:
        # It came from WorkOS itself a moment ago, so it is our clock or our settings that are wrong, and nobody is let in.
        logger.error("A token that WorkOS just made does not verify: %s.", getattr(error, "why", "expired"))
        raise Unavailable(SYSTEM) from None
    if claims.subject != user.id or claims.organization_id != organization:
        raise BadCredentials
    if claims.is_acted and impersonator is None:
        impersonator = "somebody at WorkOS"
    return Proof(
        Identity(
            provider=PROVIDER,
            subject=claims.subject,
            session_id="",
            email=email,
            email_verified=is_verified,
            method=method or ("sso" if said is not None and said.value == _SSO else "authkit"),
            expires_at=None,
            organization_id=organization or None,
            impersonator=impersonator,
        ),
        kept={"access": access, "refresh": refresh, "sid": claims.session},
    )
