"""Which visits of operators to a workspace's content were asked for, allowed, and ended how?

Nobody writes these rows but one function of the database (`services.py`), and another asks them at every statement of a visit:
an open row that an operator's living session belongs to is what lets a workspace be read, and nothing in Python is. Names are
copied, so that a row says who it was after the person has gone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.policies import KEPT
from accounts.tenancy.constraints import RowLevelSecurity
from accounts.tenancy.models import WorkspaceModel

LONGEST: Final = timedelta(minutes=60)


class Visit(WorkspaceModel):
    """One breaking of the glass: an operator, a workspace, a reason, and minutes that are counted by the database."""

    class Minutes(models.IntegerChoices):
        QUARTER = 15, "15 minutes"
        HALF = 30, "30 minutes"
        HOUR = 60, "An hour"

    class Ending(models.TextChoices):
        DECLINED = "declined", "Another operator declined it"
        WITHDRAWN = "withdrawn", "It was taken back before it was opened"
        LAPSED = "lapsed", "Nobody approved it in time"
        CLOSED = "closed", "It was closed early"
        TIME = "time", "Its time was over"
        SESSION = "session", "The operator's session ended"

    operator_id = models.UUIDField()
    operator_name = models.CharField(max_length=120)
    # It opens for this session of the operator alone, and ends with it.
    session_id = models.UUIDField()
    reason = models.CharField(max_length=240)
    ticket = models.CharField(max_length=60)
    minutes = models.PositiveSmallIntegerField(choices=Minutes.choices)
    asked_at = models.DateTimeField()
    # Until when it waits for another operator; from its opening on, until when it is open.
    until = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    # Who opened it: another operator, or nobody where the operator who asked is the only one.
    approved_name = models.CharField(max_length=120, blank=True)
    closed_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=10, choices=Ending.choices, blank=True)
    closed_name = models.CharField(max_length=120, blank=True)
    pages = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "visit"
        verbose_name_plural = "break-glass"
        constraints = [
            # Who looked, and why, is for those who keep the workspace. Operators see it as the role that reads metadata.
            RowLevelSecurity(name="accounts_visit_rls", using=KEPT),
            models.CheckConstraint(
                condition=Q(until__lte=Coalesce(F("opened_at"), F("asked_at")) + LONGEST), name="accounts_visit_an_hour"
            ),
            models.CheckConstraint(condition=Q(minutes__in=[15, 30, 60]), name="accounts_visit_minutes"),
        ]
        indexes = [
            models.Index(fields=["until"], condition=Q(closed_at=None), name="accounts_visit_going_on"),
            models.Index(fields=["session_id"], name="accounts_visit_of_session"),
        ]

    def __str__(self) -> str:
        return f"visit {self.id}"

    @property
    def is_over(self) -> bool:
        """Did it end, by a word or by its time? That the operator's session lives is asked by the database alone."""
        return self.closed_at is not None or self.until <= timezone.now()

    @property
    def is_open(self) -> bool:
        """Can content be read by it, as far as this row knows?"""
        return self.opened_at is not None and not self.is_over

    @property
    def is_waiting(self) -> bool:
        """Does it wait for another operator?"""
        return self.opened_at is None and not self.is_over

    @property
    def how_it_ended(self) -> str:
        """The words for its end; those of its time where nobody has marked the row yet."""
        if self.ending:
            return str(self.get_ending_display())
        return str((self.Ending.TIME if self.opened_at else self.Ending.LAPSED).label)
