"""How does an operator come in, and out?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from accounts.identity import providers, tokens
from accounts.identity.base import BadCredentials, Client, Proof
from accounts.identity.store.models import StoreSession
from accounts.models import OperatorSession
from accounts.operators import Operator
from accounts.signals import operator_signed_in, operator_signed_out


def sign_in(*, email: str, password: str, client: Client, reserve: Callable[[], None]) -> str:
    """Verify the password and the flag, and open a short session; returns its token.

    Raises ``BadCredentials`` (for people who are no operators too), ``throttling.Throttled``, ``Unavailable``.
    """
    proof = providers.LOCAL.authenticate_password(email=email, password=password, client=client, reserve=reserve)
    user_id = _operator(proof)
    if user_id is None:
        raise BadCredentials
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
        operator_signed_in.send(sender=OperatorSession, user_id=user_id, email=email, target=session)
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


def _operator(proof: Proof) -> UUID | None:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT user_id FROM fence.operator_of(%s, %s)", [proof.identity.provider, proof.identity.subject]
        )
        row = cursor.fetchone()
    return row[0] if row else None
