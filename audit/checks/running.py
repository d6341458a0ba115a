"""How does the worker answer what was asked to be checked?

One reading of the trail answers everybody who waits, each with what concerns them. A proof runs in a process of its own: its
attacks leave on their connections what no other work may meet. A worker that dies leaves its runs to the next.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connections

from audit import verification
from audit.checks import services
from audit.checks.models import MOST_ATTEMPTS

TELL_SECONDS: Final = 1.0
LONGEST_PROOF_SECONDS: Final = 900.0
_GIVE_UP: Final = (
    "UPDATE {table} SET state = 'failed', ended_at = clock_timestamp() WHERE state = 'running' AND attempts >= %s"
)
_TAKE_CHECKS: Final = (
    "UPDATE audit_check SET state = 'running', began_at = clock_timestamp(), attempts = attempts + 1, done = 0, "
    "total = (SELECT coalesce(max(size), 0) FROM audit_seal) WHERE state IN ('waiting', 'running') RETURNING id, about_id"
)
_TELL: Final = "UPDATE audit_check SET done = %s WHERE id = ANY(%s)"
_END_CHECK: Final = "UPDATE audit_check SET state = 'done', ended_at = clock_timestamp(), done = total, holds = %s, result = %s::jsonb WHERE id = %s"
_LET_GO: Final = (
    "DELETE FROM audit_check c WHERE state IN ('done', 'failed') AND (SELECT count(*) FROM audit_check later "
    "WHERE later.about_id IS NOT DISTINCT FROM c.about_id AND later.asked_at > c.asked_at) >= %s"
)
_TAKE_PROOF: Final = (
    "UPDATE audit_proof SET state = 'running', began_at = clock_timestamp(), attempts = attempts + 1 "
    "WHERE id = (SELECT id FROM audit_proof WHERE state IN ('waiting', 'running') ORDER BY asked_at LIMIT 1) "
    "RETURNING id, attacks"
)
_PROOF_FAILED: Final = "UPDATE audit_proof SET state = 'failed', ended_at = clock_timestamp(), result = %s::jsonb WHERE id = %s AND state = 'running'"


class Stopping(Exception):
    """The worker is told to stop; whoever takes over begins anew."""


def run_checks() -> int:
    """Answer the checks of the trail that wait; return how many. Raises ``django.db.Error`` and ``Stopping``."""
    wanted = _rows([(_GIVE_UP.format(table="audit_check"), [MOST_ATTEMPTS])], _TAKE_CHECKS)
    if not wanted:
        return 0
    workspaces = {workspace for _, workspace in wanted if workspace}
    with _telling([check for check, _ in wanted]) as tell:
        report = verification.verify(tell, parts=workspaces)
    if not report.holds:
        broken, missing = len(report.broken), len(report.missing)
        services.note("trail", holds=False, broken=broken, missing=missing, truncated=report.truncated)
    for check, workspace in wanted:
        holds, result = _part(report, workspace) if workspace else (report.holds, _whole(report))
        if workspace or report.holds:
            services.note("trail", holds=holds, workspace_id=workspace, entries=result["sealed"])
        _rows([(_END_CHECK, [holds, json.dumps(result), check]), (_LET_GO, [services.KEPT])])
    return len(wanted)


def run_proof() -> int:
    """Answer the proof that waits, if one does; return how many. Raises ``django.db.Error``, ``OSError``, ``Stopping``."""
    taken = _rows([(_GIVE_UP.format(table="audit_proof"), [MOST_ATTEMPTS])], _TAKE_PROOF)
    for run, attacks in taken:
        said = _proven(run, attacks=attacks)
        # The process keeps its answer itself; one that is still at work here ended without one.
        _rows([(_PROOF_FAILED, [json.dumps({"why": said}), run])])
    return len(taken)


def _whole(report: verification.Report) -> dict[str, Any]:
    return {
        "entries": report.entries,
        "sealed": report.sealed,
        "waiting": report.waiting,
        "broken": report.broken,
        "missing": report.missing,
        "truncated": report.truncated,
    }


def _part(report: verification.Report, workspace: UUID) -> tuple[bool, dict[str, Any]]:
    """What a workspace is told: of its own entries all, of the rest only whether something is wrong that may have been its own.

    Whose a removed entry was, nobody can say any more, and a moved one stands under another name.
    """
    part = report.parts[workspace]
    own = sum(f"entry {entry} " in finding for entry in part.broken for finding in report.broken)
    elsewhere = bool(report.missing) or len(report.broken) > own
    result = {
        "sealed": part.sealed,
        "waiting": part.waiting,
        "broken": part.broken,
        "elsewhere": elsewhere,
        "truncated": report.truncated,
    }
    return not (part.broken or elsewhere or report.truncated), result


@dataclass(slots=True)
class _Telling:
    """Writes down, at most once a second, how many entries have been compared."""

    line: Any
    checks: Sequence[UUID]
    told: float = 0.0

    def __call__(self, done: int) -> None:
        _go_on()
        if time.monotonic() - self.told >= TELL_SECONDS:
            self.told = time.monotonic()
            with self.line.cursor() as cursor:
                cursor.execute(_TELL, [done, list(self.checks)])


@contextmanager
def _telling(checks: Sequence[UUID]) -> Iterator[_Telling]:
    # On a connection of its own: what the reading's transaction writes nobody would see before its end.
    line = connections[services.DATABASE].copy()
    try:
        yield _Telling(line, checks)
    finally:
        line.close()


def _rows(before: Sequence[tuple[str, Sequence[Any]]], query: str = "") -> list[tuple[Any, ...]]:
    with connections[services.DATABASE].cursor() as cursor:
        for statement, values in before:
            cursor.execute(statement, list(values))
        if not query:
            return []
        cursor.execute(query)
        return list(cursor.fetchall())


def _proven(run: UUID, *, attacks: bool) -> str:
    """Let a process of its own prove; return the last line of what it complained about."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "prove_isolation", "--json", "--run", str(run)]
    environment = {**os.environ, "AIAXIS_HOME": str(settings.AIAXIS_HOME)}
    process = subprocess.Popen(
        [*command, *(["--attack"] if attacks else [])],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + LONGEST_PROOF_SECONDS
    try:
        while time.monotonic() < until:
            _go_on()
            try:
                _, said = process.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                continue
            return (said.strip().splitlines() or ["It ended without a word."])[-1][:300]
        return f"It took longer than {LONGEST_PROOF_SECONDS / 60:.0f} minutes and was ended."
    finally:
        process.kill()
        process.communicate()


def _go_on() -> None:
    """Raise ``Stopping`` when the worker only waits for this: a process does not end before its threads do."""
    if not threading.main_thread().is_alive():
        raise Stopping
