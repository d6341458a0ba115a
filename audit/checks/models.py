"""Which checks were asked for, how far is each, and what did it find?

A check of the trail is answered by the role that seals it; a proof of the isolation by the owner's. The application asks by
functions of the database and writes nothing here: injected SQL must not be able to say that all is well.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from accounts.tenancy.models import new_id

MOST_ATTEMPTS = 3


class State(models.TextChoices):
    """How far it is."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Under way"
    DONE = "done", "Done"
    FAILED = "failed", "Could not be done"


class Run(models.Model):
    """Something that somebody asked to have checked."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    asked_at = models.DateTimeField()
    asked_name = models.CharField(max_length=120)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # None until it is done.
    holds = models.BooleanField(null=True)
    result = models.JSONField(default=dict)

    class Meta:
        abstract = True

    @property
    def is_moving(self) -> bool:
        """Will it look different in a moment?"""
        return self.state in (State.WAITING, State.RUNNING)

    @property
    def seconds(self) -> float:
        """How long it took, or takes so far; 0 before it begins."""
        if self.began_at is None:
            return 0.0
        end: datetime = self.ended_at or timezone.now()
        return (end - self.began_at).total_seconds()


UNDER_WAY = models.Q(state__in=[State.WAITING, State.RUNNING])


class Check(Run):
    """A check of the trail against its seals: of all of it, or of the part that concerns one workspace."""

    # The workspace whose part it is about, or None. A row of this table is the installation's, so this is no fence's column.
    about_id = models.UUIDField(null=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            # One at a time for whoever asks.
            models.UniqueConstraint(
                fields=["about_id"], condition=UNDER_WAY, nulls_distinct=False, name="audit_check_one_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["about_id", "-asked_at"], name="audit_check_of_workspace")]
        verbose_name = "check of the trail"
        verbose_name_plural = "trail checks"

    def __str__(self) -> str:
        return f"check {self.id}"

    @property
    def percent(self) -> int:
        """How much of the sealed trail has been compared, in hundredths."""
        return min(100, self.done * 100 // self.total) if self.total else 0

    @property
    def findings(self) -> list[str]:
        """What is wrong, one sentence each."""
        found: dict[str, Any] = self.result
        sentences = [f"{what[:1].upper()}{what[1:]}." for what in found.get("broken", [])]
        sentences += [f"Entry {entry} is gone." for entry in found.get("missing", [])]
        if found.get("truncated"):
            sentences.append(
                "The end of the trail is gone: a checkpoint outside the database covers more than it holds."
            )
        return sentences


class Proof(Run):
    """A proof of the isolation: the catalogue compared with what is written, and with ``attacks`` the attacks besides."""

    class Origin(models.TextChoices):
        START = "start", "At a start"
        TERMINAL = "terminal", "At the server’s terminal"
        CONSOLE = "console", "From the console"

    origin = models.CharField(max_length=8, choices=Origin.choices)
    attacks = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["-asked_at"], name="audit_proof_latest")]
        verbose_name = "isolation proof"
        verbose_name_plural = "isolation proofs"

    def __str__(self) -> str:
        return f"proof {self.id}"
