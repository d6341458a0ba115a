"""Which secrets of people does AiAxis keep itself, when no outside identity provider is configured?

These tables live in the database ``aiaxis_identity``, which the platform's roles cannot open. They hold no workspace,
no role and no name: alone they let nobody in. The platform's database holds no secret: neither does it.
"""

from __future__ import annotations

import uuid
from typing import Self, TypeVar

from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

IDENTITY_DATABASE = "identity"
NOBODY = uuid.UUID(int=0)

Row = TypeVar("Row", bound=models.Model)


class Account(models.Model):
    """A person who proves who they are to the local store. The id is the *subject* the platform links to."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(max_length=254)
    # The address as it is compared: NFC, case-folded. Two spellings of one address are one account.
    email_key = models.CharField(max_length=320, unique=True)
    email_verified = models.BooleanField(default=False)
    password = models.CharField(max_length=256)
    password_changed_at = models.DateTimeField(default=timezone.now)
    # Is the password long enough to be the only factor? Its hash does not say, and switching the second one off asks.
    password_stands_alone = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        """The id alone: an address in a log line is an address too many."""
        return str(self.pk)


class LiveQuerySet(models.QuerySet[Row]):
    """Words for credentials that can end."""

    def live(self) -> Self:
        """Neither withdrawn nor over."""
        now = timezone.now()
        return self.filter(models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=now), revoked_at__isnull=True)

    def revoke(self) -> int:
        """Withdraw those that are live; returns how many were."""
        return self.live().update(revoked_at=timezone.now())


class StoreSession(models.Model):
    """The store's half of a signed-in browser."""

    class Purpose(models.TextChoices):
        """What the session's token may open."""

        SESSION = "session", "Workspace"
        # The password was right and the workspace is not chosen yet: the token has no other half, so it opens nothing.
        CHOOSING = "choosing", "Choosing a workspace"
        OPERATOR = "operator", "Operator console"
        # The password was right and the second factor is still to be shown: these open nothing either.
        SECOND = "second", "Showing the second factor"
        OPERATOR_SECOND = "operator-second", "Showing an operator's second factor"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="sessions")
    purpose = models.CharField(max_length=16, choices=Purpose.choices, default=Purpose.SESSION)
    token_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager.from_queryset(LiveQuerySet)()

    def __str__(self) -> str:
        """The id alone."""
        return str(self.pk)


class StoreKey(models.Model):
    """The store's half of an API key."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="keys")
    key_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager.from_queryset(LiveQuerySet)()

    def __str__(self) -> str:
        """The id alone."""
        return str(self.pk)


class SecondFactor(models.Model):
    """A person's authenticator (RFC 6238). It counts from its confirmation on, when a code of it was typed."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="second_factor")
    # Encrypted, and bound to the account (accounts/identity/vault.py): a code cannot be computed from a dump.
    secret = models.BinaryField(max_length=400)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    # The time step of the code that was used last: none is good twice, and none before it either.
    last_step = models.BigIntegerField(default=0)
    # Wrong codes since the last right one, by whoever had the password.
    wrong_codes = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        """The id alone."""
        return str(self.pk)


class RecoveryCode(models.Model):
    """One of the codes that stand in for a lost authenticator, each once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        """The id alone."""
        return str(self.pk)


class MailedLink(models.Model):
    """A link that was mailed to a person: good once, for a while, for one purpose."""

    class Purpose(models.TextChoices):
        """What following it allows."""

        RESET = "reset", "Set a new password"
        EMAIL = "email", "Confirm a new address"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="mailed_links")
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    token_hash = models.BinaryField(max_length=32, unique=True)
    # The address to be confirmed; empty for other purposes.
    email = models.EmailField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        """The id alone."""
        return str(self.pk)


class Letter(models.Model):
    """A mail that waits to be sent, without the token of its link: that is derived when it is sent."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.CharField(max_length=40)
    # Encrypted, which makes it longer than it is: whatever somebody typed as an address may be anything, a password too.
    recipient = models.BinaryField()
    link = models.ForeignKey(MailedLink, on_delete=models.CASCADE, null=True, blank=True, related_name="letters")
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    not_before = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["not_before"], name="identity_letter_waiting")]

    def __str__(self) -> str:
        """The id alone."""
        return str(self.pk)


def account_id(subject: str) -> uuid.UUID:
    """The id of the account that a subject names; for a subject that cannot be one of ours, an id that nobody has."""
    try:
        return uuid.UUID(subject)
    except ValueError:
        return NOBODY


class VendorSession(models.Model):
    """A browser that an outside identity provider vouches for, with what the provider gave us to ask it again.

    The tokens are encrypted (``accounts.identity.vault``) and never leave the server. What ended here and has to be told to the
    provider has ``revoked_at`` and no ``told_at``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.CharField(
        max_length=16, choices=StoreSession.Purpose.choices, default=StoreSession.Purpose.SESSION
    )
    token_hash = models.BinaryField(max_length=32, unique=True)
    subject = models.CharField(max_length=120, db_index=True)
    email = models.EmailField(max_length=254)
    email_verified = models.BooleanField(default=False)
    method = models.CharField(max_length=12)
    vendor_session = models.CharField(max_length=120, db_index=True)
    organization_id = models.CharField(max_length=120, blank=True)
    access_token = models.BinaryField()
    refresh_token = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager.from_queryset(LiveQuerySet)()

    class Meta:
        indexes = [
            models.Index(
                fields=["revoked_at"],
                condition=models.Q(revoked_at__isnull=False, told_at__isnull=True),
                name="identity_sessions_to_tell",
            )
        ]

    def __str__(self) -> str:
        """The id alone."""
        return str(self.pk)


class VendorKey(models.Model):
    """An API key that an outside provider minted. Its value is nowhere here, not even as a hash that can be guessed against."""

    id = models.CharField(primary_key=True, max_length=120)  # the provider's own id of the key
    value_mac = models.BinaryField(max_length=32, unique=True)
    subject = models.CharField(max_length=120, db_index=True)
    organization_id = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    # When the provider last said yes. Believed for half a minute; emptied by whoever hears that something changed.
    confirmed_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager.from_queryset(LiveQuerySet)()

    def __str__(self) -> str:
        """The id alone."""
        return str(self.pk)


class VendorInvitation(models.Model):
    """An invitation that an outside provider mailed for us, and which sending of which one of ours it stands for.

    The provider's token is encrypted, the address a keyed hash. What ended here and has to be told has ``revoked_at`` and no ``told_at``.
    """

    id = models.CharField(primary_key=True, max_length=120)  # the provider's own id of it
    invitation = models.UUIDField(db_index=True)
    nonce = models.CharField(max_length=32)
    link_hash = models.BinaryField(max_length=32, unique=True)
    token_hash = models.BinaryField(max_length=32, unique=True)
    token = models.BinaryField()
    organization_id = models.CharField(max_length=120)
    recipient_mac = models.BinaryField(max_length=32, db_index=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager.from_queryset(LiveQuerySet)()

    def __str__(self) -> str:
        """The id alone."""
        return str(self.pk)


class VendorCursor(models.Model):
    """How far an outside provider's events have been read."""

    name = models.CharField(primary_key=True, max_length=40)
    after = models.CharField(max_length=120)
    moved_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        """Which events."""
        return self.name


class VendorEvent(models.Model):
    """An event that was acted upon: told once more, it is left alone."""

    id = models.CharField(primary_key=True, max_length=120)
    kind = models.CharField(max_length=80)
    handled_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        """The id alone."""
        return self.pk


class SpentProof(models.Model):
    """A sign-in elsewhere that has come back: it opens nothing a second time."""

    mark = models.BinaryField(primary_key=True, max_length=32)
    spent_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        """When it was spent: the mark itself says nothing."""
        return self.spent_at.isoformat()
