"""Is every part of the installation well, and what waits for an operator?

Numbers that would need a table to be read whole are estimates of the planner's, or come from an index that holds them. A
part is judged by a sign of life of its own, never by what another one says of it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connections

from accounts import installation, waiting
from accounts.identity import asking, providers
from accounts.identity.base import Unavailable
from accounts.models import Workspace
from accounts.operators import OPS_DATABASE, OperatorRequest
from accounts.worker import DEAD_AFTER
from audit import daily, health, sealing, spool
from audit.reviews import queries as reviews
from audit.services import spool_folder
from conversations.watching import PLACES
from files import storage

EXACT_BELOW: Final = 10_000
"""A table that the planner believes to be smaller is counted; of a larger one its estimate is shown, with "about"."""
UNSEALED_SECONDS: Final = 180.0
"""Entries are sealed once a minute at the latest; after three something is wrong."""

# The bodies of the count and the estimate stand side by side, so that one question tells which of the two it was.
_SIZE: Final = (
    "SELECT CASE WHEN c.reltuples < {least} THEN (SELECT count(*) FROM {table}) ELSE c.reltuples::bigint END, "
    "c.reltuples >= {least} FROM pg_class c WHERE c.oid = '{table}'::regclass"
)
_NUMBERS: Final = f"""
SELECT clock_timestamp(), pg_database_size(current_database()),
    (SELECT max(last_heartbeat) FROM procrastinate_workers),
    ({sealing.WAITING_SINCE}), (SELECT max(sealed_at) FROM audit_seal),
    (SELECT count(*) FROM audit_message WHERE state = 'dead'),
    (SELECT count(*) FROM audit_channelstate WHERE failing_since IS NOT NULL),
    (SELECT coalesce(array_agg(DISTINCT kind), '{{}}') FROM audit_operatorchannel WHERE NOT is_paused),
    (SELECT jsonb_object_agg(status, n) FROM (SELECT status, count(*) n FROM accounts_workspace GROUP BY status) w)"""  # noqa: S608 - constants only
_JOBS: Final = """
SELECT count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing'),
    count(*) FILTER (WHERE status = 'failed'),
    (SELECT min(e.at) FROM procrastinate_events e JOIN procrastinate_jobs j ON j.id = e.job_id
     WHERE e.type = 'deferred' AND j.id = (SELECT min(id) FROM procrastinate_jobs WHERE status = 'todo'))
FROM procrastinate_jobs"""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the installation: how it is, in a word ("ok", "late" or "silent") and in a sentence."""

    name: str
    state: str
    words: str

    @property
    def state_words(self) -> str:
        """The word for people."""
        return {"ok": "Well", "late": "Late"}.get(self.state, "Silent")


@dataclass(frozen=True, slots=True)
class Jobs:
    """What is in the queue of background work."""

    waiting: int
    running: int
    failed: int
    oldest: datetime | None


def values(request: OperatorRequest) -> dict[str, Any]:
    """What the console's first page shows."""
    numbers = _numbers()
    return {
        "chart": daily.refusals(),
        "queue": reviews.open_numbers(),
        "jobs": jobs(),
        "disk": _disk(),
        "database_size": numbers.database_size,
        "files": numbers.files,
        "files_are_about": numbers.files_are_about,
        "workspaces": [
            (status.label, numbers.workspaces[status.value])
            for status in Workspace.Status
            if status.value in numbers.workspaces
        ],
        "parts": parts(numbers),
        "missing": missing(request, numbers),
    }


def jobs() -> Jobs:
    """The queue's numbers. What ended well leaves it, so it holds what waits, what runs, and a month's failures."""
    with connections[OPS_DATABASE].cursor() as cursor:
        cursor.execute(_JOBS)
        return Jobs(*cursor.fetchone())


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the platform's database says of itself and of who left a sign of life in it."""

    now: datetime
    database_size: int
    worker_seen: datetime | None
    unsealed_since: datetime | None
    sealed_at: datetime | None
    dead_messages: int
    failing_channels: int
    channel_kinds: list[str]
    workspaces: dict[str, int]
    files: int
    files_are_about: bool


def _numbers() -> Numbers:
    with connections[OPS_DATABASE].cursor() as cursor:
        cursor.execute(f"{_NUMBERS}, f.* FROM ({_SIZE.format(table='files_file', least=EXACT_BELOW)}) f")
        row: Any = cursor.fetchone()
    # Django leaves JSON of its own connections to its own fields to read.
    return Numbers(*[*row[:8], json.loads(row[8] or "{}"), *row[9:]])


def parts(numbers: Numbers) -> list[Part]:
    """Every part, by its own sign of life."""
    return [
        Part("Web server", "ok", _of_this_process()),
        _worker(numbers),
        _shipper(),
        _sealer(numbers),
        Part("Platform database", "ok", "It answered this page."),
        _identity_store(),
        _files(),
        _spool(),
        _notifications(numbers),
    ]


def missing(request: OperatorRequest, numbers: Numbers) -> list[installation.Part]:
    """What is not configured, and what that means."""
    known = [part for part in installation.parts(is_secure=request.is_secure()) if not part.is_configured]
    if not numbers.channel_kinds:
        known.append(
            installation.Part(
                "Notification channel",
                is_configured=False,
                meaning="Nobody is told of anything. Alarms stand in the server’s log, refusals in the review queue.",
                change="Add a channel under Notification channels.",
            )
        )
    if not settings.OPERATOR_NETWORKS:
        known.append(
            installation.Part(
                "Operators’ networks",
                is_configured=False,
                meaning="The operators’ sign-in is there for every address; a password and a code stand in front of it.",
                change="Set OPERATOR_NETWORKS.",
            )
        )
    return known


def _of_this_process() -> str:
    streams, bodies, downloads = PLACES.taken(), waiting.BODIES.taken(), waiting.DOWNLOADS.taken()
    return (
        f"It answered this page. Open in the process that did: {streams} streams, {bodies} uploads, {downloads} downloads. "
        f"Processes on this machine: {settings.WEB_WORKERS}."
    )


def _worker(numbers: Numbers) -> Part:
    if numbers.worker_seen is None:
        return Part("Worker", "silent", "No worker is signed in: jobs wait.")
    age = (numbers.now - numbers.worker_seen).total_seconds()
    return Part("Worker", "ok" if age < DEAD_AFTER else "silent", f"Last sign of life {age:.0f} s ago.")


def _shipper() -> Part:
    age = health.shipper_age(spool_folder())
    if age is None:
        return Part("Audit shipper", "silent", "No shipper has left a note on this machine.")
    state = "ok" if age < health.LATE_SECONDS else "silent"
    return Part("Audit shipper", state, f"Last sign of life {age:.0f} s ago, on this machine.")


def _sealer(numbers: Numbers) -> Part:
    if numbers.unsealed_since is None:
        return Part("Sealer", "ok", "Every entry is sealed.")
    age = max(0.0, (numbers.now - numbers.unsealed_since).total_seconds())
    state = "ok" if age < UNSEALED_SECONDS else "late"
    return Part("Sealer", state, f"The oldest entry without a seal has waited for {age:.0f} s.")


def _identity_store() -> Part:
    beside = " WorkOS is configured besides; the log says if it does not answer." if providers.has_workos() else ""
    try:
        asking.one_row("identity", "SELECT 1", [], system="identity store")
    except Unavailable:
        return Part("Identity store", "silent", f"It does not answer: nobody can sign in.{beside}")
    return Part("Identity store", "ok", f"It answered this page.{beside}")


def _files() -> Part:
    where = "folder of this machine" if storage.is_on_disk() else "bucket"
    if storage.is_away():
        words = f"The {where} does not answer, or refuses us. Uploads and downloads are refused until it does; what is to be read waits."
        return Part("Storage of files", "silent", words)
    return Part("Storage of files", "ok", f"The {where} answered within the last {storage.LOOKED_SECONDS:.0f} s.")


def _spool() -> Part:
    trouble = health.trouble(spool_folder())
    if trouble:
        return Part("Audit spool", "late", " ".join(trouble))
    return Part(
        "Audit spool", "ok", f"Segments on this machine: {len(spool.segments(spool_folder()))}, none of them late."
    )


def _notifications(numbers: Numbers) -> Part:
    if numbers.failing_channels:
        return Part(
            "Notifications", "late", f"Channels that do not take what they are sent: {numbers.failing_channels}."
        )
    if numbers.dead_messages:
        return Part("Notifications", "late", f"Messages that were given up: {numbers.dead_messages}.")
    return Part("Notifications", "ok", "Nothing was given up, and no channel fails.")


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk on which the spool stands, and files where they lie in no object store."""

    used: int
    total: int
    free: int

    @property
    def label(self) -> str:
        """What lies there."""
        return (
            "Disk of the files and the spool"
            if storage.is_on_disk()
            else "Disk of the spool and of uploads that arrive"
        )

    @property
    def high(self) -> int:
        """From where on it is a warning: nine tenths."""
        return self.total * 9 // 10


def _disk() -> Disk:
    usage = shutil.disk_usage(settings.AIAXIS_HOME)
    return Disk(usage.total - usage.free, usage.total, usage.free)
