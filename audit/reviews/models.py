"""How far are operators with each kind of refusal, what did they write down, and which addresses are shut out?

Operators read these tables and nobody writes them directly: a function of the database does, for an operator whose
session it finds alive (`services.py`). Names are copied, so that a row says who it was after the person has gone.
"""

from __future__ import annotations

from django.db import models

from accounts.tenancy.models import new_id


class Status(models.TextChoices):
    """How far a group is."""

    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"


class Resolution(models.TextChoices):
    """What it turned out to be."""

    EXPECTED = "expected", "Expected: nothing to do"
    ATTACK = "attack", "An attack"
    BUG = "bug", "A bug of ours"


class Review(models.Model):
    """Where a group of refusals stands. A group without a row is open."""

    fingerprint = models.CharField(max_length=16, primary_key=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    resolution = models.CharField(max_length=10, choices=Resolution.choices, blank=True)
    assigned_id = models.UUIDField(null=True)
    assigned_name = models.CharField(max_length=120, blank=True)
    changed_id = models.UUIDField()
    changed_name = models.CharField(max_length=120)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "group of refusals"
        verbose_name_plural = "review queue"

    def __str__(self) -> str:
        return f"review of {self.fingerprint}"


class ReviewNote(models.Model):
    """What an operator wrote down about a group."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    fingerprint = models.CharField(max_length=16)
    author_id = models.UUIDField()
    author_name = models.CharField(max_length=120)
    text = models.CharField(max_length=2000)
    written_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["fingerprint", "id"], name="audit_reviewnote_of_group")]

    def __str__(self) -> str:
        return f"note {self.id}"


class Block(models.Model):
    """An address, or an IPv6 network, that is turned away at the door for a time."""

    network = models.CharField(max_length=49, primary_key=True)
    until = models.DateTimeField()
    made_id = models.UUIDField()
    made_name = models.CharField(max_length=120)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"block of {self.network}"
