"""Which model vendors does a workspace use, what may that come to in a month, and what has it come to?

Everybody of the workspace sees which providers there are, to choose one for an agent. What was used and what may be used is its
owners' and administrators'. None of it is written but by functions of the fence that ask who it is: a listener slipped in here
would hear every question (L7), and a counter set back would be no limit.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Membership
from accounts.policies import KEPT
from accounts.tenancy.constraints import MemberPolicy, RowLevelSecurity
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

# Which agent somebody asked, private ones too, is theirs to know: of others' requests administrators see the sums.
CAUSED = "member_id = {member}"
MILLION = 1_000_000


class Kind(models.TextChoices):
    """Which dialect a provider speaks."""

    OPENAI = "openai", "OpenAI, or a server that speaks as it does"
    ANTHROPIC = "anthropic", "Anthropic"


class ModelProvider(WorkspaceModel):
    """A vendor, or a server of one's own, whose models this workspace's agents may ask."""

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    base_url = models.CharField(max_length=300)
    # The key, encrypted (vault.py), and how it ends, to recognise it by; "" where there is none.
    sealed = models.TextField()
    hint = models.CharField(max_length=4, blank=True)
    offered = ArrayField(models.CharField(max_length=120), default=list)
    # Millionths of the workspace's own currency for a million tokens; None where nobody set a price.
    price_read = models.BigIntegerField(null=True)
    price_written = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="agents_modelprovider_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def prices(self) -> str:
        """What a million tokens cost, read and written; empty where no price is set."""
        if self.price_read is None and self.price_written is None:
            return ""
        read, written = ((price or 0) / MILLION for price in (self.price_read, self.price_written))
        return f"{read:,.2f} read, {written:,.2f} written, a million tokens"


class Budget(WorkspaceModel):
    """What a workspace's agents may use of models in a calendar month (UTC). None: as much as they like."""

    name = models.CharField(max_length=20, default="models")  # there is no other, so far
    requests = models.BigIntegerField(null=True)
    tokens = models.BigIntegerField(null=True)
    money = models.BigIntegerField(null=True)  # millionths

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="agents_budget_one"),
            RowLevelSecurity(name="agents_budget_rls", using=KEPT),
        ]

    def __str__(self) -> str:
        return "budget"


class MonthlyUse(WorkspaceModel):
    """What was used in a month, and what calls that still run, or that were killed, may come to."""

    month = models.CharField(max_length=7)  # 2026-11
    requests = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    money = models.BigIntegerField(default=0)
    # When four fifths of a limit were passed, and when the first request was turned away.
    warned_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "month"], name="agents_monthlyuse_once"),
            RowLevelSecurity(name="agents_monthlyuse_rls", using=KEPT),
        ]

    def __str__(self) -> str:
        return self.month


class ModelUse(WorkspaceModel):
    """One request to a model: who caused it, and what it took. Until it is settled it counts as what was reserved for it."""

    member = WorkspaceForeignKey(Membership, models.CASCADE, related_name="+")
    agent = WorkspaceForeignKey("agents.Agent", models.SET_NULL, null=True, related_name="+")
    provider = WorkspaceForeignKey(ModelProvider, models.SET_NULL, null=True, related_name="+")
    model = models.CharField(max_length=120)
    month = models.CharField(max_length=7)
    tokens_read = models.BigIntegerField()
    tokens_written = models.BigIntegerField()
    money = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [MemberPolicy(name="agents_modeluse_member", read=CAUSED, write=CAUSED)]
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="agents_modeluse_latest"),
            models.Index(fields=["workspace", "agent"], name="agents_modeluse_of_agent"),
            models.Index(fields=["workspace", "provider"], name="agents_modeluse_of_provider"),
            models.Index(fields=["workspace", "member"], name="agents_modeluse_of_member"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.created_at}"
