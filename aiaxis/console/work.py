"""Which jobs wait, and which failed and why? Ids, names of handlers and kinds of errors; never what a job is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Max, QuerySet
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob

from accounts import jobs, letters
from accounts.operators import across
from audit.models import Entry

MOST_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One job as a page shows it."""

    id: int
    name: str
    words: str
    attempts: int
    status: str
    since: datetime | None
    kind: str = ""
    place: str = ""

    @property
    def is_owed(self) -> bool:
        """Does it tell a workspace's owners of what an operator did, so that no operator can drop it?"""
        return self.name in letters.OWED


def failed() -> list[Row]:
    """The jobs that failed last, with why, as far as it is on record."""
    found = list(_jobs("failed").order_by("-id")[:MOST_ROWS])
    moments, reasons = _moments(found, "failed"), _reasons(found)
    return [_row(one, moments.get(one.pk), *reasons.get(str(one.pk), ("", ""))) for one in found]


def unfinished() -> list[Row]:
    """The jobs that wait or run, those that were handed in first at the top."""
    found = list(_jobs("todo", "doing").order_by("id")[:MOST_ROWS])
    moments = _moments(found, "deferred")
    return [_row(one, moments.get(one.pk)) for one in found]


def _jobs(*states: str) -> QuerySet[ProcrastinateJob]:
    return across(ProcrastinateJob).filter(status__in=states).only("id", "task_name", "attempts", "status")


def _moments(found: Sequence[ProcrastinateJob], kind: str) -> dict[int, datetime]:
    events = across(ProcrastinateEvent).filter(job_id__in=[one.pk for one in found], type=kind)
    return dict(events.order_by().values_list("job_id").annotate(at=Max("at")))


def _reasons(found: Sequence[ProcrastinateJob]) -> dict[str, tuple[str, str]]:
    """By job: the kind of error and the place in our code, or the check that refused it, from the trail."""
    entries = across(Entry).filter(
        workspace_id__isnull=True,
        target_id__in=[str(one.pk) for one in found],
        target_type="job",
        action__in=("job.failed", "job.refused"),
    )
    rows = entries.exclude(target_id="").order_by("id").values_list("target_id", "action", "refused_by", "detail")
    return {
        job: (f"Refused: {check}", "")
        if action == "job.refused"
        else (str(detail.get("kind", "")), str(detail.get("place", "")))
        for job, action, check, detail in rows
    }


def _row(job: ProcrastinateJob, since: datetime | None, kind: str = "", place: str = "") -> Row:
    known = jobs.REGISTRY.get(job.task_name)
    words = (
        (known.handler.__doc__ or "").strip().splitlines()[0].rstrip(".")
        if known
        else "A job that this version does not know"
    )
    return Row(job.pk, job.task_name, words, job.attempts, job.status, since, kind, place)
