"""In what state is the installation: its spool, its trail, its jobs, its messages, its proof?

Asked when somebody reads the page, as the operators' role, which reads metadata only; each part by itself, so that a database
that is silent hides nothing of what a file says.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connections, transaction

from accounts.jobs import PROMPT_QUEUE, QUEUE, REMOTE_QUEUE
from aiaxis import home
from audit import sealing, spool
from audit.services import spool_folder

PATIENCE: Final = "3s"
OTHER: Final = "other"
QUEUES: Final = (QUEUE, PROMPT_QUEUE, REMOTE_QUEUE)
JOB_STATES: Final = ("todo", "doing", "failed")
# When a job came stands with its events: the row itself says only when it is to run. One that is put off, or is done again
# later, does not wait before then.
_JOBS: Final = (
    "SELECT j.queue_name, j.status::text, count(*), "
    "coalesce(greatest(extract(epoch FROM now() - min(greatest(e.at, j.scheduled_at))), 0), 0)::float "
    "FROM procrastinate_jobs j LEFT JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred' GROUP BY 1, 2"
)
_MESSAGES: Final = "SELECT state, count(*) FROM audit_message GROUP BY 1"
_LATE: Final = "SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0)::float FROM audit_message WHERE state = 'waiting' AND due_at <= now()"
_FAILING: Final = "SELECT count(*) FROM audit_channelstate WHERE failing_since IS NOT NULL"
_UNSEALED: Final = (
    f"SELECT count(*), coalesce(greatest(extract(epoch FROM now() - ({sealing.WAITING_SINCE})), 0), 0)::float "  # noqa: S608 - constants only
    "FROM audit_unsealed"
)


@dataclass(frozen=True, slots=True)
class Rows:
    """What the database says."""

    # By queue and state: how many, and seconds since the oldest could begin.
    jobs: dict[tuple[str, str], tuple[int, float]]
    messages: dict[str, int]
    late: float
    failing: int
    unsealed: int
    unsealed_age: float


def rows() -> Rows:
    """Ask the database. Raises ``django.db.Error``."""
    # Across the fence because it counts the installation's jobs and messages, which belong to no workspace: numbers only.
    with transaction.atomic(using="ops"), connections["ops"].cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{PATIENCE}'")
        unsealed, unsealed_age = _all(cursor, _UNSEALED)[0]
        return Rows(
            jobs=_jobs(_all(cursor, _JOBS)),
            messages=dict(_all(cursor, _MESSAGES)),
            late=_all(cursor, _LATE)[0][0],
            failing=_all(cursor, _FAILING)[0][0],
            unsealed=unsealed,
            unsealed_age=unsealed_age,
        )


def _all(cursor: Any, sql: str) -> list[tuple[Any, ...]]:
    cursor.execute(sql)
    return list(cursor.fetchall())


def _jobs(found: list[tuple[Any, ...]]) -> dict[tuple[str, str], tuple[int, float]]:
    """By names that are ours: a row that injected SQL made may say anything, and a label must not."""
    summed = dict.fromkeys(((queue, state) for queue in QUEUES for state in JOB_STATES), (0, 0.0))
    for queue, state, count, age in found:
        key = (queue if queue in QUEUES else OTHER, state if state in JOB_STATES else OTHER)
        before, oldest = summed.get(key, (0, 0.0))
        summed[key] = (before + count, max(oldest, age))
    return summed


def spooled() -> dict[str, float]:
    """What waits in this machine's spool, and when its shipper was last at work. Raises ``OSError`` and ``ValueError``."""
    found = spool.segments(spool_folder())
    told: dict[str, float] = {
        "segments": len(found),
        "bytes": sum(spool.size_of(path) for path in found),
        "oldest": _age(int(found[0].name[:20]) / 1e9) if found else 0.0,
        "rejected": len(list((spool_folder() / "rejected").glob("*.json"))),
    }
    try:
        note: dict[str, Any] = spool.read_note(spool_folder())
    except FileNotFoundError:
        return told  # no shipper has run here yet
    return {**told, "shipped": float(note["shipped"]), "at": float(note["at"]), "error": float(bool(note["error"]))}


def note_proof(findings: int) -> None:
    """Remember how the isolation proof ended, for the page. Raises ``OSError`` and ``HomeError``."""
    home.ensure(_proof().parent)
    draft = _proof().with_suffix(".draft")
    draft.write_text(json.dumps({"at": time.time(), "findings": findings}), encoding="utf-8")
    draft.replace(_proof())


def proof() -> dict[str, float]:
    """When the isolation was last proven here, and with how many findings; nothing before the first time."""
    try:
        told = json.loads(_proof().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {"at": float(told["at"]), "findings": float(told["findings"])}


def _proof() -> Path:
    return Path(settings.AIAXIS_HOME) / "proof.json"


def _age(moment: float) -> float:
    return max(0.0, time.time() - moment)
