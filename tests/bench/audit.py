"""How fast is the trail sealed, and how fast is it verified? What refusals cost is in `denials.py`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from django.db import connections
from django.test import override_settings

from accounts.http import Refusal
from audit import entries, ledger, sealing, verification
from tests.bench import denials
from tests.bench.rows import Row, at_least, noted

ENTRIES = 100_000
BATCH = 1000


def rows(*, rounds: int) -> list[Row]:
    """Put 100,000 entries into the trail in the shipper's batches, seal and verify them; the best of three passes each."""
    with tempfile.TemporaryDirectory() as home, override_settings(AIAXIS_HOME=Path(home)):
        _empty()
        posting = _rate(_post)
        sealing_rate = _rate(sealing.seal)
        verifying = max(_rate(_verified) for _ in range(3))
        _empty()
        refusals = denials.rows(Path(home), rounds=rounds)
        _empty()
    return [
        noted("audit: entries posted", posting, "a second", "in the shipper's batches, their making included"),
        noted("audit: entries sealed", sealing_rate, "a second"),
        at_least("audit: entries verified", verifying, 50_000, "a second", f"{ENTRIES:,} entries"),
        *refusals,
    ]


def _rate(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return ENTRIES / (time.perf_counter() - began)


def _post() -> None:
    refusal = Refusal("not_found", "request.refused")
    for _ in range(ENTRIES // BATCH):
        ledger.post(
            [entries.encode(entries.denial(None, status=404, refusal=refusal, actor=None)) for _ in range(BATCH)]
        )


def _verified() -> None:
    report = verification.verify()
    if not report.holds or report.sealed != ENTRIES:
        raise AssertionError(f"The trail does not hold: {report}")


def _empty() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("TRUNCATE audit_entry, audit_seal, audit_unsealed, audit_unheard")
