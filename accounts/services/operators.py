"""How does an operator come in, and out?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from accounts.identity import letters, providers, second_factors, tokens
from accounts.identity.base import BadCredentials, Client, Identity, Proof
from accounts.identity.second_factors import SecondFactorRequired
from accounts.identity.store.models import StoreSession
from accounts.models import OperatorSession
from accounts.operators import Operator
from accounts.services import second_factors as showing
from accounts.signals import operator_enrolled, operator_recovery_used, operator_signed_in, operator_signed_out


def prove(*, email: str, password: str, client: Client, reserve: Callable[[], None]) -> tuple[Proof, bool]:
    """Verify the password and the flag; returns what was proved, and whether the operator has a second factor to show.

    Neither opens anything yet. Raises ``BadCredentials`` (for people who are no operators too), ``throttling.Throttled``,
    ``Unavailable``.
    """
    has_factor = False
    try:
        proof = providers.LOCAL.authenticate_password(email=email, password=password, client=client, reserve=reserve)
    except SecondFactorRequired as required:
        proof, has_factor = required.proof, True
    _operator_or_refuse(proof.identity)
    return proof, has_factor


def begin(proof: Proof, *, client: Client, enrol: bool) -> str:
    """Remember the right password until the second factor is shown, or set up with ``enrol``; returns the cookie's token."""
    if enrol:
        second_factors.begin(proof.identity.subject)
    return showing.begin_showing(proof, client=client, purpose=StoreSession.Purpose.OPERATOR_SECOND)


def waiting(token: str) -> Identity:
    """Whose password was right. Raises ``Revoked``."""
    return showing.showing(token, purpose=StoreSession.Purpose.OPERATOR_SECOND)


def finish(identity: Identity, *, code: str, client: Client, reserve: Callable[[], None]) -> str:
    """Show the second factor and come in; returns the token of the session. Raises ``WrongCode``, ``BadCredentials``."""
    user_id = _operator_or_refuse(identity)
    reserve()

    def record() -> None:
        letters.write("second_factor_changed", to=identity.email, facts={"change": "recovery"})
        operator_recovery_used.send(sender=OperatorSession, user_id=user_id, email=identity.email)

    second_factors.check(identity.subject, code, record_recovery=record)
    return _open(identity, client=client)


def enrol(identity: Identity, *, code: str, client: Client, reserve: Callable[[], None]) -> tuple[str, list[str]]:
    """Switch the second factor on with its first code and come in; returns the session's token and the recovery codes."""
    user_id = _operator_or_refuse(identity)
    reserve()

    def record() -> None:
        letters.write("second_factor_changed", to=identity.email, facts={"change": "on"})
        operator_enrolled.send(sender=OperatorSession, user_id=user_id, email=identity.email)

    codes = second_factors.confirm(identity.subject, code, record=record)
    return _open(identity, client=client), codes


def open_session(proof: Proof, *, client: Client) -> str:
    """Open both halves of an operator's session; returns its token. Raises ``BadCredentials`` for somebody who is none."""
    user_id = _operator_or_refuse(proof.identity)
    token = tokens.new_token()
    identity = providers.LOCAL.open_session(
        proof,
        token=token,
        client=client,
        lifetime=settings.OPERATOR_SECONDS,
        purpose=StoreSession.Purpose.OPERATOR,
    )
    now = timezone.now()
    session = OperatorSession(
        user_id=user_id,
        token_hash=tokens.platform_hash(token),
        provider=identity.provider,
        subject=identity.subject,
        identity_session=identity.session_id,
        method=identity.method,
        address=client.address or None,
        signed_in_at=now,
        expires_at=now + timedelta(seconds=settings.OPERATOR_SECONDS),
    )
    with transaction.atomic():
        session.save(force_insert=True)
        operator_signed_in.send(sender=OperatorSession, user_id=user_id, email=identity.email, target=session)
    return token


def sign_out(operator: Operator, *, token: str) -> None:
    """End the operator's session in both systems."""
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT fence.close_operator_session(%s)", [tokens.platform_hash(token)])
        operator_signed_out.send(
            sender=OperatorSession,
            user_id=operator.user_id,
            email=operator.email,
            target=OperatorSession(pk=operator.session_id, user_id=operator.user_id),
        )
    identity = providers.LOCAL.verify_session(token, purpose=StoreSession.Purpose.OPERATOR)
    providers.LOCAL.revoke_session(identity.session_id)


def _open(identity: Identity, *, client: Client) -> str:
    # Of two submits of one form the first one comes in, and uses the remembered password up.
    return open_session(showing.end_showing(identity), client=client)


def _operator_or_refuse(identity: Identity) -> UUID:
    user_id = _operator(identity)
    if user_id is None:
        # Never was one, or is none any more since the password was right.
        raise BadCredentials
    return user_id


def _operator(identity: Identity) -> UUID | None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT user_id FROM fence.operator_of(%s, %s)", [identity.provider, identity.subject])
        row = cursor.fetchone()
    return row[0] if row else None
