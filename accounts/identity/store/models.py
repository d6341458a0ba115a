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


def account_id(subject: str) -> uuid.UUID:
    """The id of the account that a subject names; for a subject that cannot be one of ours, an id that nobody has."""
    try:
        return uuid.UUID(subject)
    except ValueError:
        return NOBODY
