"""Does WorkOS still vouch for the browser that holds this token? Answered by our own row and a signature, without asking it.

One round trip to the identity database, then a check of the encrypted token that stands in the row. Only when that token's time
is over is WorkOS asked for the next one, by one request at a time: two tabs that refreshed at once would each spend the other's.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connections, transaction
from django.db.models import QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.identity import asking, vault
from accounts.identity.asking import store_asked
from accounts.identity.base import PENDING, BadCredentials, Client, Identity, Proof, Revoked, SsoRequired, Unavailable
from accounts.identity.store.models import IDENTITY_DATABASE, StoreSession, VendorSession
from accounts.identity.tokens import identity_hash
from accounts.identity.workos.connection import (
    ONCE,
    SYSTEM,
    current,
    says_over,
    translated,
)
from accounts.identity.workos.proofs import PROVIDER, Proofs, proof_of
from accounts.identity.workos.verification import Claims, Expired

# Longer than WorkOS may take to answer whoever holds the row's lock.
LOCK_WAIT: Final = "8s"
_SWEEP_ONE_IN: Final = 100
_KEPT_DAYS: Final = 90
_SQL: Final = (
    "SELECT id, subject, email, email_verified, method, expires_at, vendor_session, organization_id, access_token "
    "FROM identity_vendor_session(%s, %s)"
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Row:
    """What the identity database says of a session."""

    id: UUID
    subject: str
    email: str
    email_verified: bool
    method: str
    expires_at: datetime
    vendor_session: str
    organization_id: str
    access_token: bytes

    def identity(self) -> Identity:
        """Whom the row vouches for."""
        return Identity(
            provider=PROVIDER,
            subject=self.subject,
            session_id=str(self.id),
            email=self.email,
            email_verified=self.email_verified,
            method=self.method,
            expires_at=self.expires_at,
            organization_id=self.organization_id or None,
        )


class Sessions(Proofs):
    """The part of the provider that vouches for signed-in browsers."""

    def open_session(
        self,
        proof: Proof,
        *,
        token: str,
        client: Client,
        lifetime: int,
        purpose: str = StoreSession.Purpose.SESSION,
    ) -> Identity:
        """Keep WorkOS's tokens for the holder of ``token``, encrypted, for at most ``lifetime`` seconds."""
        if random.randrange(_SWEEP_ONE_IN) == 0:  # noqa: S311 - chance spreads the work, it protects nothing
            store_asked(_sweep)
        row = VendorSession(
            id=uuid7(),
            purpose=purpose,
            token_hash=identity_hash(token),
            subject=proof.identity.subject,
            email=proof.identity.email,
            email_verified=proof.identity.email_verified,
            method=proof.identity.method,
            vendor_session=proof.kept.get("sid", ""),
            organization_id=proof.identity.organization_id or "",
            expires_at=timezone.now() + timedelta(seconds=lifetime),
        )
        # A choice of organisations is made before there are tokens: then what is kept is what WorkOS wants back with the choice.
        _keep(row, access=proof.kept.get("access", ""), refresh=proof.kept.get("refresh", proof.kept.get(PENDING, "")))
        store_asked(lambda: row.save(force_insert=True))
        return replace(proof.identity, session_id=str(row.pk), expires_at=row.expires_at)

    def verify_session(self, token: str, *, purpose: str = StoreSession.Purpose.SESSION) -> Identity:
        """Does WorkOS vouch for the holder of the token, now? One round trip, and no remote call while its token is good."""
        token_hash = identity_hash(token)
        found = asking.one_row(IDENTITY_DATABASE, _SQL, [token_hash, purpose], system=asking.STORE)
        if found is None:
            # Only on the way to a refusal: a withdrawn credential used again is news, an unknown one is noise.
            withdrawn = VendorSession.objects.filter(token_hash=token_hash, expires_at__gt=timezone.now())
            raise Revoked("identity", why="session", known=store_asked(withdrawn.exists))
        row = _Row(*found)
        if purpose == StoreSession.Purpose.SESSION:
            try:
                _verified(row)
            except Expired:
                _refresh(row.id)
        return row.identity()

    def revoke_session(self, session_id: str) -> bool:
        """Stop vouching for one session, here at once; WorkOS is told by the next round of the worker."""
        return end(VendorSession.objects.filter(pk=session_id), reason="ended here") > 0

    def revoke_sessions(self, subject: str) -> int:
        """Stop vouching for every session of the person."""
        return end(VendorSession.objects.filter(subject=subject), reason="ended here")

    def live_sessions(self, subject: str) -> frozenset[str]:
        """The ids of the person's sessions that are live here."""
        sessions = VendorSession.objects.filter(subject=subject, purpose=StoreSession.Purpose.SESSION).live()
        return store_asked(lambda: frozenset(str(pk) for pk in sessions.values_list("pk", flat=True)))

    # ── choosing a place ────────────────────────────────────────────────────────────────────────────────────────

    def use_up(self, identity: Identity) -> Proof:
        """The proof that a session for choosing kept, which ends by this. Raises ``BadCredentials`` for one that had ended."""
        if not self.revoke_session(identity.session_id):
            raise BadCredentials
        row = store_asked(
            lambda: VendorSession.objects.get(pk=identity.session_id, purpose=StoreSession.Purpose.CHOOSING)
        )
        if not row.vendor_session:
            return Proof(identity, kept={PENDING: _opened(row, "refresh")})
        kept = {"access": _opened(row, "access"), "refresh": _opened(row, "refresh"), "sid": row.vendor_session}
        return Proof(identity, kept=kept)

    def within(self, proof: Proof, *, organization_id: str) -> Proof:
        """The same proof for this organisation: WorkOS says whether the person belongs there, and makes tokens that say so."""
        if PENDING in proof.kept:
            return self._chosen(proof, organization_id)
        if proof.identity.organization_id == organization_id:
            return proof
        with translated():
            answer = current().client.user_management.authenticate_with_refresh_token(
                refresh_token=proof.kept["refresh"], organization_id=organization_id, request_options=ONCE
            )
        moved = proof_of(answer, method=proof.identity.method)
        if moved.identity.subject != proof.identity.subject or moved.identity.organization_id != organization_id:
            raise BadCredentials
        return moved

    def _chosen(self, proof: Proof, organization_id: str) -> Proof:
        chosen = self.choose_organization(
            pending=proof.kept[PENDING], organization_id=organization_id, client=Client("", "")
        )
        known = chosen.identity
        if known.subject != proof.identity.subject or known.impersonator is not None or not known.email_verified:
            # What is asked of every sign-in could not be asked of this one before.
            self.abandon(chosen)
            raise BadCredentials
        # A password that was typed here is one, whatever WorkOS calls it; anything else is what its answer says.
        return replace(chosen, identity=replace(known, method="password")) if _was_typed(proof) else chosen

    def drop(self, token: str) -> None:
        """Stop vouching for the holder of the token, without asking whether it is still good."""
        end(VendorSession.objects.filter(token_hash=identity_hash(token)), reason="ended here")

    def move_session(self, token: str, *, organization_id: str | None) -> Proof:
        """A proof for another organisation, made of a session that ends by this: for changing workspaces.

        Raises ``SsoRequired`` for a session that a company's own sign-in opened: its word is good for that company alone (L32),
        and the way to the other one leads through a sign-in there. ``BadCredentials`` where the person does not belong.
        """
        identity = self.verify_session(token)
        if identity.method == "sso":
            raise SsoRequired(subject=identity.subject, email=identity.email)
        if organization_id is None or organization_id == identity.organization_id:
            # One organisation's word opens no place that trusts none, and none is needed where one is.
            raise BadCredentials
        row = store_asked(lambda: VendorSession.objects.get(pk=identity.session_id))
        proof = Proof(
            replace(identity, organization_id=None),
            kept={"refresh": _opened(row, "refresh"), "sid": row.vendor_session},
        )
        moved = self.within(proof, organization_id=organization_id)
        # WorkOS's own session goes on in the new one, so it is not told of an end.
        end(VendorSession.objects.filter(pk=row.pk), reason="moved", tell=False)
        return moved


def _was_typed(proof: Proof) -> bool:
    return proof.identity.method == "password"


def _verified(row: _Row) -> None:
    """Is the row's token good, and does it mean this person, session and organisation? Raises ``Expired`` or ``Revoked``."""
    verifier = current().verifier
    ciphertext = bytes(row.access_token)
    claims = verifier.remembered(str(row.id), ciphertext)
    if claims is None:
        claims = verifier.claims(_decrypted(ciphertext, "access", str(row.id)))
        verifier.remember(str(row.id), ciphertext, claims)
    _require_same(claims, row.subject, row.vendor_session, row.organization_id)


def _require_same(claims: Claims, subject: str, session: str, organization_id: str) -> None:
    if (claims.subject, claims.session, claims.organization_id) != (subject, session, organization_id):
        # A good token of another person, session or organisation, put into this row.
        raise Revoked("identity", why="token_of_another", known=True)


def _refresh(session_id: UUID) -> None:
    """Have WorkOS vouch anew, once for all who wait. Raises ``Revoked`` if it will not, ``Unavailable`` if it is not heard."""
    row = store_asked(lambda: _refreshed(session_id))
    if row is None:
        raise Revoked("identity", why="session", known=True)
    if row.revoked_at is not None:
        raise Revoked("identity", why="refresh", known=True)
    try:
        _verified(_as_row(row))
    except Expired:
        # Fresh from WorkOS and over already: our clocks differ by more than its lifetime. Nobody is signed out for that.
        raise Unavailable(SYSTEM) from None


def _refreshed(session_id: UUID) -> VendorSession | None:
    """The row with a good token, or closed. Whoever comes second waits for the lock, and finds what the first one brought."""
    with transaction.atomic(using=IDENTITY_DATABASE):
        with connections[IDENTITY_DATABASE].cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_WAIT])
        row = VendorSession.objects.select_for_update().filter(pk=session_id, revoked_at__isnull=True).first()
        if row is None:
            return None
        try:
            _verified(_as_row(row))
        except Expired:
            _renew(row)
    return row


def _renew(row: VendorSession) -> None:
    """Exchange the refresh token; save the new ones, or close the row if WorkOS says that the session is over."""
    renewed = _asked_anew(_opened(row, "refresh"), row.organization_id)
    if renewed is None or renewed.subject != row.subject:
        row.revoked_at = row.told_at = timezone.now()
        row.reason = "refused by WorkOS"
        row.save(update_fields=["revoked_at", "told_at", "reason"])
        return
    # Saved before it is verified: the old refresh token is used up, and losing the new one would sign the person out.
    _keep(row, access=renewed.access, refresh=renewed.refresh)
    row.save(update_fields=["access_token", "refresh_token"])


@dataclass(frozen=True, slots=True)
class _Renewed:
    subject: str
    access: str
    refresh: str


def _asked_anew(refresh_token: str, organization_id: str) -> _Renewed | None:
    """What WorkOS gives for a refresh token; None if it says that the session is over."""
    try:
        with current().on_the_way() as client:
            try:
                answer = client.user_management.authenticate_with_refresh_token(
                    refresh_token=refresh_token, organization_id=organization_id or None, request_options=ONCE
                )
                return _Renewed(answer.user.id, answer.access_token, answer.refresh_token)
            except Exception as error:
                if says_over(error):
                    return None
                raise
    except BadCredentials:
        # A no of some other kind: it does not say that the session is over, so nobody is signed out for it.
        raise Unavailable(SYSTEM) from None


def _as_row(row: VendorSession) -> _Row:
    return _Row(
        row.pk,
        row.subject,
        row.email,
        row.email_verified,
        row.method,
        row.expires_at,
        row.vendor_session,
        row.organization_id,
        bytes(row.access_token),
    )


def _keep(row: VendorSession, *, access: str, refresh: str) -> None:
    row.access_token = vault.sealed(access, field="access", row=str(row.pk))
    row.refresh_token = vault.sealed(refresh, field="refresh", row=str(row.pk))


def _opened(row: VendorSession, field: str) -> str:
    return _decrypted(bytes(row.access_token if field == "access" else row.refresh_token), field, str(row.pk))


def _decrypted(ciphertext: bytes, field: str, row: str) -> str:
    try:
        return vault.opened(ciphertext, field=field, row=row)
    except vault.Tampered:
        # Another row's ciphertext, or a changed one: somebody writes in the identity database.
        raise Revoked("identity", why="ciphertext", known=True) from None
    except vault.KeyUnknown:
        logger.error(
            "IDENTITY_KEY is not the one under which tokens were kept. Give the old one as IDENTITY_KEYS_RETIRED."
        )
        raise Unavailable(asking.STORE) from None


def end(sessions: QuerySet[VendorSession], *, reason: str, tell: bool = True) -> int:
    """Withdraw those of the sessions that are live; WorkOS is told later, if ``tell``. Returns how many there were."""
    now = timezone.now()
    live = VendorSession.objects.filter(pk__in=sessions.values("pk")).live()
    # A choice that is used up goes on in the session that it opens, so WorkOS hears of no end either.
    quiet = live if not tell else live.filter(purpose=StoreSession.Purpose.CHOOSING)

    def write() -> int:
        ended = quiet.update(revoked_at=now, told_at=now, reason=reason)
        return ended + live.update(revoked_at=now, reason=reason)

    return store_asked(write)


def _sweep() -> None:
    VendorSession.objects.filter(expires_at__lt=timezone.now() - timedelta(days=_KEPT_DAYS)).delete()
