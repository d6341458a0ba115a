"""Who vouches for people where no outside identity provider is configured: our own store, in its own database.

Implements ``accounts.identity.base.Provider``. The two questions of the hot path, ``verify_session`` and
``verify_key``, are one statement each, on a raw cursor in autocommit: one round trip, no ORM (measured: the ORM's part
of such a look-up costs more than the look-up).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.identity import asking, changes, hashing, passwords, second_factors
from accounts.identity.asking import store_asked
from accounts.identity.base import BadCredentials, Client, Identity, IssuedKey, Proof, Revoked
from accounts.identity.second_factors import SecondFactorRequired
from accounts.identity.spelling import email_key
from accounts.identity.store.models import IDENTITY_DATABASE, Account, StoreKey, StoreSession, account_id
from accounts.identity.tokens import KEY_PREFIX, identity_hash, new_key

PROVIDER = "local"
# One sign-in in so many also drops sessions that have been over for so long that their use again would be no news.
_SWEEP_ONE_IN = 100
_KEPT_DAYS = 90
# In a proof: which of the person's passwords was right, by when it was set.
_WHICH = "which_password"

# Functions of the store, whose plans are kept: planning these joins anew took longer than running them (measured).
_SESSION_SQL = "SELECT id, account_id, email, email_verified, expires_at FROM identity_session(%s, %s)"
_KEY_SQL = "SELECT id, account_id, email, email_verified, expires_at FROM identity_key(%s)"


class EmailTaken(Exception):
    """There is an account with this address already."""


class LocalIdentity:
    """The local store, as a provider."""

    name = PROVIDER

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────────────

    def create_account(self, *, email: str, password: str, context: tuple[str, ...] = ()) -> Proof:
        """Make an account for whoever is known to read this mailbox, and vouch for them.

        Raises ``EmailTaken``, ``passwords.WeakPassword``, ``Unavailable``.
        """
        passwords.check(password, context=(email, *context))
        with hashing.slot():
            stored = hashing.encoded(password)
        try:
            account = Account.objects.create(
                email=email, email_key=email_key(email), password=stored, email_verified=True
            )
        except IntegrityError as error:
            raise EmailTaken from error
        return _proof(account)

    def drop_account(self, subject: str) -> None:
        """Take an account back that was made a moment ago, for somebody who may not come in after all."""
        store_asked(Account.objects.filter(pk=account_id(subject)).delete)

    def authenticate_password(
        self, *, email: str, password: str, client: Client, reserve: Callable[[], None] | None = None
    ) -> Proof:
        """Verify a password. The same refusal, after the same work, for unknown, wrong and inactive.

        Raises ``SecondFactorRequired``, with what was proved so far, where the person has a second factor.

        ``reserve`` counts the attempt and may refuse it; it runs once a place for the hash is held and before the hash,
        so that neither parallel guesses pass the limit nor a full house uses up somebody's attempts.
        """
        with hashing.slot():
            if reserve is not None:
                reserve()
            account = store_asked(lambda: changes.with_factor().filter(email_key=email_key(email)).first())
            right = hashing.matches(password, account.password if account else None)
            if account is None or not right or not account.is_active:
                raise BadCredentials
            if hashing.is_outdated(account.password):
                # Only in the place of what was compared: a password that was set meanwhile must not be undone by the old one.
                same = Account.objects.filter(pk=account.pk, password=account.password)
                same.update(password=hashing.encoded(password))
        proof = _proof(account)
        if changes.has_factor(account):
            raise SecondFactorRequired(proof)
        return proof

    def prove_again(
        self,
        *,
        subject: str,
        password: str,
        code: str | None,
        reserve: Callable[[], None] | None = None,
        record_recovery: Callable[[Identity], None] | None = None,
    ) -> Proof:
        """Verify the password of somebody who is signed in and, unless ``code`` is None, the second factor if they have one.

        Raises ``BadCredentials`` whichever of the two is wrong. ``reserve`` as in ``authenticate_password``; ``record_recovery``
        runs before the use of a recovery code is committed.
        """
        account = store_asked(lambda: changes.with_factor().filter(pk=account_id(subject), is_active=True).first())
        with hashing.slot():
            if reserve is not None:
                reserve()
            right = hashing.matches(password, account.password if account else None)
        if account is None or not right:
            raise BadCredentials
        if code is not None and changes.has_factor(account):
            identity = _vouched(account)
            tell = partial(record_recovery, identity) if record_recovery else None
            second_factors.check(subject, code, record_recovery=tell)
        return _proof(account)

    def change_password(
        self,
        *,
        subject: str,
        current: str,
        new: str,
        context: tuple[str, ...] = (),
        reserve: Callable[[], None] | None = None,
        record: Callable[[], None] | None = None,
    ) -> Proof:
        """Replace the password and end every session of the person (incident L33). Returns what the new one proves.

        ``record`` runs before the change is committed: if it fails, the password stays as it was, so that there is no
        change without its record (incident L38). Raises ``BadCredentials`` if ``current`` is wrong, ``passwords.WeakPassword`` if ``new`` is. ``reserve`` as in
        ``authenticate_password``: a stolen cookie must not buy unlimited guesses at the password.
        """
        account = store_asked(lambda: changes.with_factor().filter(pk=account_id(subject), is_active=True).first())
        if account is None:
            raise BadCredentials
        with hashing.slot():
            if reserve is not None:
                reserve()
            if not hashing.matches(current, account.password):
                raise BadCredentials
            passwords.check(new, context=(account.email, *context), has_second_factor=changes.has_factor(account))
            if hashing.matches(new, account.password):
                raise passwords.WeakPassword("This is the password that you have now. Choose another one.")
            stored = hashing.encoded(new)
        change = changes.NewPassword(stored, passwords.stands_alone(new))
        return _proof(store_asked(lambda: changes.replace_password(account, change, record=record)))

    # ── sessions ────────────────────────────────────────────────────────────────────────────────────────────────

    def open_session(
        self,
        proof: Proof,
        *,
        token: str,
        client: Client,
        lifetime: int,
        purpose: str = StoreSession.Purpose.SESSION,
    ) -> Identity:
        """Begin vouching for the holder of ``token`` for ``lifetime`` seconds.

        Raises ``BadCredentials`` where the password that was right has been replaced since.
        """
        expires_at = timezone.now() + timedelta(seconds=lifetime)
        if random.randrange(_SWEEP_ONE_IN) == 0:  # noqa: S311 - chance spreads the work, it protects nothing
            store_asked(_sweep)
        session = StoreSession(
            account_id=account_id(proof.identity.subject),
            purpose=purpose,
            token_hash=identity_hash(token),
            expires_at=expires_at,
        )
        store_asked(lambda: _begin(session, proof))
        return Identity(
            provider=PROVIDER,
            subject=proof.identity.subject,
            session_id=str(session.pk),
            email=proof.identity.email,
            email_verified=proof.identity.email_verified,
            method=proof.identity.method,
            expires_at=expires_at,
        )

    def verify_session(self, token: str, *, purpose: str = StoreSession.Purpose.SESSION) -> Identity:
        """Does the store vouch for the holder of the token, now? One round trip."""
        token_hash = identity_hash(token)
        row = _fetch(_SESSION_SQL, [token_hash, purpose])
        if row is None:
            # Only on the way to a refusal: a withdrawn credential used again is news, an unknown one is noise.
            withdrawn = StoreSession.objects.filter(token_hash=token_hash, expires_at__gt=timezone.now())
            raise Revoked("identity", known=store_asked(withdrawn.exists))
        return _identity(row, method="password")

    def revoke_session(self, session_id: str) -> bool:
        """Stop vouching for one session."""
        return store_asked(lambda: StoreSession.objects.filter(pk=session_id).revoke()) > 0

    def revoke_sessions(self, subject: str) -> int:
        """Stop vouching for every session of the person."""
        return store_asked(StoreSession.objects.filter(account_id=account_id(subject)).revoke)

    def live_sessions(self, subject: str) -> frozenset[str]:
        """The ids of the person's sessions that are live here."""
        sessions = StoreSession.objects.filter(account_id=account_id(subject), purpose=StoreSession.Purpose.SESSION)
        return store_asked(lambda: frozenset(str(pk) for pk in sessions.live().values_list("pk", flat=True)))

    def use_up(self, identity: Identity) -> Proof:
        """The proof that a session remembered, which ends by this. Raises ``BadCredentials`` for one that had ended."""
        # Asked first: a password that is set after this makes the proof void, and one that was set before had ended the session.
        kept = store_asked(lambda: _kept(Account.objects.get(pk=account_id(identity.subject))))
        if not self.revoke_session(identity.session_id):
            raise BadCredentials
        return Proof(identity, kept)

    def within(self, proof: Proof, *, organization_id: str) -> Proof:
        """This store knows no organisations: the proof is as good as it was."""
        return proof

    def move_session(self, token: str, *, organization_id: str | None) -> Proof:
        """This store knows no organisations: what it says of the person is good for every place of theirs."""
        subject = self.verify_session(token).subject
        kept = store_asked(lambda: _kept(Account.objects.get(pk=account_id(subject))))
        # Asked again: had a password been set before the account was read, this session would be over.
        return Proof(self.verify_session(token), kept)

    def drop(self, token: str) -> None:
        """Stop vouching for the holder of the token."""
        store_asked(StoreSession.objects.filter(token_hash=identity_hash(token)).revoke)

    def knew(self, credential: str) -> bool:
        """Was this token or key ever one of this store's?"""
        verify = self.verify_key if credential.startswith(KEY_PREFIX) else self.verify_session
        try:
            verify(credential)
        except Revoked as refusal:
            return refusal.known
        return True

    # ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────

    def issue_key(
        self, *, subject: str, name: str, expires_at: datetime | None, organization_id: str | None = None
    ) -> IssuedKey:
        """Mint a key. The store keeps a hash and an expiry; names and scopes are the platform's business."""
        value = new_key()
        key = store_asked(
            lambda: StoreKey.objects.create(
                account_id=account_id(subject), key_hash=identity_hash(value), expires_at=expires_at
            )
        )
        return IssuedKey(id=str(key.pk), value=value)

    def verify_key(self, value: str) -> Identity:
        """Does the store recognise the key, now? One round trip."""
        key_hash = identity_hash(value)
        row = _fetch(_KEY_SQL, [key_hash])
        if row is None:
            withdrawn = StoreKey.objects.filter(key_hash=key_hash).exclude(expires_at__lte=timezone.now())
            raise Revoked("identity", known=store_asked(withdrawn.exists))
        return _identity(row, method="key")

    def revoke_key(self, key_id: str) -> bool:
        """Stop recognising a key."""
        return store_asked(lambda: StoreKey.objects.filter(pk=key_id).revoke()) > 0


def _sweep() -> None:
    StoreSession.objects.filter(expires_at__lt=timezone.now() - timedelta(days=_KEPT_DAYS)).delete()


def _begin(session: StoreSession, proof: Proof) -> None:
    """Store a session that follows from a proof. Raises ``BadCredentials`` where the proof has become void."""
    with transaction.atomic(using=IDENTITY_DATABASE):
        # Whoever replaces the password locks the account as well, and then ends its sessions: it comes before this and is seen
        # here, or after and sees this one.
        found = Account.objects.select_for_update(no_key=True).filter(pk=session.account_id, is_active=True).first()
        if found is None or _kept(found) != proof.kept:
            raise BadCredentials
        session.save(force_insert=True)


def _kept(account: Account) -> dict[str, str]:
    return {_WHICH: account.password_changed_at.isoformat()}


def _proof(account: Account) -> Proof:
    return Proof(_vouched(account), _kept(account))


def _vouched(account: Account) -> Identity:
    return Identity(
        provider=PROVIDER,
        subject=str(account.pk),
        session_id="",
        email=account.email,
        email_verified=account.email_verified,
        method="password",
        expires_at=None,
    )


def _identity(row: asking.Row, *, method: str) -> Identity:
    credential_id, subject, email, email_verified, expires_at = row
    return Identity(PROVIDER, str(subject), str(credential_id), email, email_verified, method, expires_at)


def _fetch(sql: str, parameters: list[object]) -> asking.Row | None:
    return asking.one_row(IDENTITY_DATABASE, sql, parameters, system=asking.STORE)
