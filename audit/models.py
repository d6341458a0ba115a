"""What is one row of the audit trail?

A copy of what was known when something happened, without a single foreign key, so that it outlives the people, the
workspaces and the objects that it names. Nobody may change or remove a row: not by grants, and not past them, by a
trigger. The table is partitioned by retention class and, by the month in the id, below that (``partitions.py``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from accounts.tenancy.models import CurrentWorkspace
from audit import reasons, rules
from audit.checks.models import Check, Proof
from audit.exports.models import Export, ExportPart
from audit.filters.models import ConsoleFilter, OwnFilter
from audit.notices.models import Alarm, Channel, ChannelState, Message, OperatorChannel, Rule, Tally, Unheard
from audit.retention.models import Archive, RetentionChoice
from audit.reviews.models import Block, Review, ReviewNote
from audit.rules import ActorType, Outcome, Retention, Severity

__all__ = [
    "Alarm",
    "Archive",
    "Block",
    "Channel",
    "ChannelState",
    "Check",
    "ConsoleFilter",
    "EntriesAreFinal",
    "Entry",
    "Export",
    "ExportPart",
    "Message",
    "OperatorChannel",
    "OwnFilter",
    "Proof",
    "RetentionChoice",
    "Review",
    "ReviewNote",
    "Rule",
    "Seal",
    "Tally",
    "Unheard",
    "Unsealed",
]


class EntryQuerySet(models.QuerySet["Entry"]):
    """Words for choosing entries."""

    def newest_first(self) -> EntryQuerySet:
        """In the order of the ids, which begin with the time."""
        return self.order_by("-id")

    def refused(self) -> EntryQuerySet:
        """What was not allowed, or failed."""
        return self.exclude(outcome=Outcome.ALLOWED)


class TrailManager(models.Manager.from_queryset(EntryQuerySet)):  # type: ignore[misc]  # made at run time
    """The entries of whatever workspace is bound when the query runs; row-level security says the same."""

    def get_queryset(self) -> EntryQuerySet:
        """Raise ``NoWorkspace`` at execution when nothing is bound: there is no trail of everybody here."""
        return super().get_queryset().filter(workspace_id=CurrentWorkspace())  # type: ignore[no-any-return]  # as above


# Not the bare names: "Role" beside a change of somebody's role would say whose role it was of neither.
OF_ACTOR = {
    "user": "Account of the actor",
    "role": "Role of the actor",
    "method": "Signed in by",
    "credential": "Credential, as a fingerprint",
    "key": "Key",
    "account": "Name typed, as a fingerprint",
    "mask": "Name typed",
}


class Entry(models.Model):
    """One thing that was done, refused or failed. Columns are explained in ``entries.py``, which alone makes rows."""

    id = models.UUIDField(primary_key=True, editable=False)
    retention = models.CharField(max_length=4, choices=Retention.choices)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    action = models.CharField(max_length=48)
    vocabulary = models.CharField(max_length=48)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    reason = models.CharField(max_length=32, blank=True)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    status = models.SmallIntegerField(null=True)
    # In whose trail it stands: the actor's workspace. None where nobody was verified; only operators see those.
    workspace_id = models.UUIDField(null=True)
    # Which workspace was reached for. Set only where `workspace_id` is None: in a member's own trail it would tell them
    # whether an id exists elsewhere, which the 404 that they got does not.
    asked_workspace_id = models.UUIDField(null=True)
    actor_type = models.CharField(max_length=10, choices=ActorType.choices)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=128, blank=True)
    actor = models.JSONField(default=dict)
    target_type = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    request_id = models.UUIDField(null=True)
    client_address = models.GenericIPAddressField(null=True)
    http = models.JSONField(default=dict)
    net = models.JSONField(default=dict)
    trace = models.JSONField(default=dict)
    refused_by = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=16)

    objects: ClassVar[TrailManager] = TrailManager()
    row_security_migration: ClassVar[str] = "audit/migrations/0001_initial.py"

    class Meta:
        base_manager_name = "objects"
        default_manager_name = "objects"
        indexes = [
            models.Index(fields=["workspace_id", "-id"], name="audit_entry_trail"),
            models.Index(fields=["workspace_id", "actor_id", "-id"], name="audit_entry_of_actor"),
            models.Index(fields=["workspace_id", "action", "-id"], name="audit_entry_of_action"),
            models.Index(
                fields=["workspace_id", "target_id", "-id"],
                condition=~models.Q(target_id=""),
                name="audit_entry_of_target",
            ),
            # What reached the trail since a moment, however long it had waited in a spool.
            models.Index(fields=["workspace_id", "received_at"], name="audit_entry_of_arrival"),
            # The operators' queue: the latest refusals of everybody, and those of one kind.
            models.Index(fields=["-id"], condition=~models.Q(outcome="allowed"), name="audit_entry_refused"),
            models.Index(
                fields=["fingerprint", "-id"], condition=~models.Q(outcome="allowed"), name="audit_entry_of_kind"
            ),
            # What stands for many at once, so that a chart counts the others without reading them.
            models.Index(
                fields=["-id"],
                condition=models.Q(detail__has_key="burst") & ~models.Q(outcome="allowed"),
                name="audit_entry_burst",
            ),
            # The operators' filters. What is common is soon found from the newest on; these find what is rare.
            models.Index(fields=["action", "-id"], name="audit_entry_by_action"),
            models.Index(
                fields=["client_address", "-id"],
                condition=models.Q(client_address__isnull=False),
                name="audit_entry_by_address",
            ),
            models.Index(
                fields=["severity", "-id"],
                condition=models.Q(severity__in=("warning", "critical")),
                name="audit_entry_by_severity",
            ),
            models.Index(
                fields=["outcome", "-id"],
                condition=models.Q(outcome__in=("failed", "error")),
                name="audit_entry_by_outcome",
            ),
        ]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} {self.id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: rows are made by ``ledger`` and never saved again."""
        raise EntriesAreFinal("Audit entries are written by audit.ledger and cannot be saved.")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: a trail from which rows can be taken proves nothing."""
        raise EntriesAreFinal("Audit entries cannot be deleted.")

    @property
    def words(self) -> str:
        """What happened, in the words of the trail."""
        return rules.action_words(self.action)

    @property
    def target_words(self) -> str:
        """What kind of thing it was about, in the words of the trail; "" for nothing."""
        return rules.TARGETS.get(self.target_type, self.target_type)

    @property
    def origin_id(self) -> UUID | None:
        """The request that it goes back to: the one in which it happened, or the one that its job came from."""
        return self.request_id or _id(self.trace.get("request"))

    @property
    def key_id(self) -> UUID | None:
        """The API key that a program showed; None for whoever came in otherwise, and for older entries."""
        return _id(self.actor.get("key"))

    @property
    def burst(self) -> int:
        """How many refusals this entry stands for, where it stands for those of a flood (`bursts.py`); else 0."""
        count = self.detail.get("burst")
        return (
            count if isinstance(count, int) and not isinstance(count, bool) and self.outcome != Outcome.ALLOWED else 0
        )

    @property
    def burst_words(self) -> str:
        """How many more a burst stands for and when, as a sentence; "" for an entry that is one refusal."""
        first, last = _moment(self.detail.get("first")), _moment(self.detail.get("last"))
        if not self.burst or first is None or last is None:
            return ""
        return f"{self.burst:,} more of these between {first:%H:%M:%S} and {last:%H:%M:%S} UTC."

    @property
    def samples(self) -> list[dict[str, Any]]:
        """Up to five of the refusals that a burst stands for."""
        found = self.detail.get("samples")
        samples = [one for one in found if isinstance(one, dict)] if self.burst and isinstance(found, list) else []
        return [{**one, "moment": _moment(one.get("at"))} for one in samples]

    @property
    def details(self) -> list[tuple[str, str]]:
        """What else was recorded, as pairs of words to show; what holds nothing is left out."""
        told = {"burst", "first", "last", "samples", "archive_sha256", "archive_mark"} if self.burst else set()
        return [
            (name.replace("_", " ").capitalize(), _shown(value))
            for name, value in self.detail.items()
            if value != [] and name not in told
        ]

    @property
    def verified(self) -> list[tuple[str, str]]:
        """What was known of who did it when it happened, or of the name that a stranger typed, as pairs of words to show."""
        return [(OF_ACTOR.get(name, name.capitalize()), _shown(value)) for name, value in self.actor.items()]

    @property
    def why(self) -> str:
        """Why it was refused, as a sentence; "" for what was allowed."""
        return reasons.REASONS.get(self.reason, self.reason)


class Seal(models.Model):
    """A batch of entries that nobody can change unseen any more: their ids, their hashes, a signed digest (`sealing.py`)."""

    seq = models.BigIntegerField(primary_key=True)
    sealed_at = models.DateTimeField()
    size = models.BigIntegerField()  # entries sealed so far, with these
    ids = ArrayField(models.UUIDField())
    leaves = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    note = models.TextField()

    def __str__(self) -> str:
        return f"seal {self.seq}"


class Unsealed(models.Model):
    """An entry that waits for its seal. A trigger of the trail puts it here, so that none is forgotten."""

    entry_id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.entry_id)


class EntriesAreFinal(RuntimeError):
    """Code tried to change or remove an entry."""


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def _id(value: object) -> UUID | None:
    """An id among what an entry holds as JSON; None for anything else, which a member's own SQL may have put there."""
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
