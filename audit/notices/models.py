"""Where do notifications go, by which rules, and what has become of each?

A workspace's channel is the workspace's: fenced, and its owners' and administrators' alone. Everything else here belongs
to the installation and holds ids, counts and our own words: what a message says is read from the trail when it is sent.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Membership
from accounts.policies import KEPT
from accounts.tenancy.constraints import RowLevelSecurity
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel, new_id
from audit.reasons import REASONS
from audit.rules import Outcome, Severity, action_words


class Kind(models.TextChoices):
    """By what means."""

    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"
    SLACK = "slack", "Slack or a chat that takes its webhooks"
    SENTRY = "sentry", "Sentry"


# What a workspace may choose: a collector of error reports is the installation's.
WORKSPACE_KINDS = tuple(choice for choice in Kind.choices if choice[0] != Kind.SENTRY)


class ChannelFields(models.Model):
    """What both sorts of channel have."""

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    # What may be shown of where it leads; the address itself may be a secret.
    shown = models.CharField(max_length=300, blank=True)
    # The address and the signing secret, encrypted (vault.py). The database cannot read it.
    sealed = models.TextField(blank=True)
    least = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    is_paused = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Channel(WorkspaceModel, ChannelFields):
    """Where a workspace hears of its own events. Only owners and administrators see it, in raw SQL too (L7)."""

    # A mail goes to a member who may read the trail, at the address that the membership has then.
    recipient = WorkspaceForeignKey(Membership, models.CASCADE, null=True, related_name="+")
    # Which events; none named: all of this severity and above.
    actions = ArrayField(models.CharField(max_length=48), default=list, blank=True)

    class Meta:
        constraints = [
            # Who reads the trail may have it told to them, and nobody else: what a channel hears of is what the trail says.
            RowLevelSecurity(name="audit_channel_rls", using=KEPT),
            # What an owner's raw SQL hands to the function that adds a channel is its own affair; the kind is not.
            models.CheckConstraint(condition=~models.Q(kind=Kind.SENTRY), name="audit_channel_kind"),
        ]
        indexes = [models.Index(fields=["workspace", "-created_at"], name="audit_channel_of_workspace")]

    @property
    def event_words(self) -> list[str]:
        """Which events, in the words of the trail."""
        return [action_words(action) for action in self.actions]


class OperatorChannel(ChannelFields):
    """Where operators hear of what happens in the installation. It belongs to no workspace."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # An hourly sign of life. On for machines, which can watch for its absence; people stop reading such mails.
    heartbeat = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "notification channels"


class Rule(models.Model):
    """Which entries operators are told of, and how severe that is. The first that fits decides; none named fits all.

    With ``per_minute`` it counts instead: so many fitting entries within a minute are one event. It counts what no rule
    without it has taken.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    position = models.IntegerField()
    name = models.CharField(max_length=120)
    actions = ArrayField(models.CharField(max_length=48), default=list, blank=True)
    reasons = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    severities = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    outcomes = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    route = models.CharField(max_length=64, blank=True)  # how the address's pattern begins
    per_minute = models.PositiveIntegerField(default=0)
    severity = models.CharField(max_length=8, choices=Severity.choices, blank=True)  # "": nobody is told
    is_on = models.BooleanField(default=True)

    class Meta:
        ordering = ["position", "id"]
        verbose_name_plural = "notification rules"

    def __str__(self) -> str:
        return self.name

    @property
    def entry_words(self) -> list[str]:
        """Which entries, in the words of the trail; empty when it is any."""
        return [
            *(action_words(action) for action in self.actions),
            *(REASONS.get(reason, reason) for reason in self.reasons),
            *(str(Severity(severity).label) for severity in self.severities),
            *(str(Outcome(outcome).label) for outcome in self.outcomes),
            *([f"At {self.route}"] if self.route else []),
        ]


class Unheard(models.Model):
    """Entries that were stored and not yet judged: one row for each INSERT, made by a trigger, so that none is forgotten."""

    ids = ArrayField(models.UUIDField())

    def __str__(self) -> str:
        return f"{len(self.ids)} entries"


class Alarm(models.Model):
    """Something that is going on: what was heard of it, and how much of that was told (``suppression.py``)."""

    key = models.CharField(primary_key=True, max_length=64)
    channel_id = models.UUIDField(null=True)  # a workspace's own channel; None: the operators'
    rule_id = models.UUIDField(null=True)
    severity = models.CharField(max_length=8)
    action = models.CharField(max_length=48)
    reason = models.CharField(max_length=32, blank=True)
    first_entry = models.UUIDField()
    last_entry = models.UUIDField()
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    total = models.BigIntegerField()
    told = models.BigIntegerField(default=0)
    told_at = models.DateTimeField(null=True)
    check_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["check_at"], name="audit_alarm_check")]

    def __str__(self) -> str:
        return self.key


class Tally(models.Model):
    """How many entries a counting rule has seen in the minute that began then."""

    rule_id = models.UUIDField(primary_key=True)
    since = models.DateTimeField()
    count = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.count} for {self.rule_id}"


class Message(models.Model):
    """One message to one channel: ids and counts, from which its words are made when it is sent."""

    class Kind(models.TextChoices):
        RAISED = "raised", "New"
        MORE = "more", "Still going on"
        GROWN = "grown", "Ten times as many"
        RESOLVED = "resolved", "Quiet again"
        FOLDED = "folded", "Many at once"
        FAILING = "failing", "Another channel fails"
        HEARTBEAT = "heartbeat", "Sign of life"
        TEST = "test", "Test"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FOLDED = "folded", "Told together with others"
        DEAD = "dead", "Given up"
        DROPPED = "dropped", "Not sent"

    # The same at every attempt, and sent with it: by this a receiver knows what it has already.
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    channel_id = models.UUIDField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    action = models.CharField(max_length=48, blank=True)
    reason = models.CharField(max_length=32, blank=True)
    rule_id = models.UUIDField(null=True)
    entry_id = models.UUIDField(null=True)
    about = models.UUIDField(null=True)  # the channel that fails; of a folded one, the message that told it
    total = models.BigIntegerField(default=0)
    more = models.BigIntegerField(default=0)
    folded = models.BigIntegerField(default=0)  # how many messages stand in this one
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    answer = models.CharField(max_length=160, blank=True)  # what the last attempt came to, in our words
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["channel_id", "due_at"], name="audit_message_due", condition=models.Q(state="waiting")
            ),
            models.Index(fields=["channel_id", "-created_at"], name="audit_message_of_channel"),
            # What was given up is asked for by operators, counted on each look, and little among all that was sent.
            models.Index(fields=["-id"], condition=models.Q(state="dead"), name="audit_message_dead"),
        ]
        verbose_name_plural = "sent notifications"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def words(self) -> str:
        """What it was about."""
        return words(self.kind, self.action)

    @property
    def state_words(self) -> str:
        """What became of it."""
        return self.get_state_display()


def words(kind: str, action: str) -> str:
    """What a message of this kind, about this action, was about."""
    what = Message.Kind(kind).label
    return f"{what}: {action_words(action)}" if action else str(what)


class ChannelState(models.Model):
    """How a channel fares: what it may still be sent this minute, and whether it takes what it is sent."""

    channel_id = models.UUIDField(primary_key=True)
    tokens = models.FloatField()
    filled_at = models.DateTimeField()
    failures = models.PositiveIntegerField(default=0)  # in a row
    failing_since = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=160, blank=True)
    heartbeat_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.channel_id)
