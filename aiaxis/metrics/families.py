"""Under which names do the numbers stand on the page? docs/deploy.md lists them; a name that changes breaks somebody's alarm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final

from django.db import Error as DatabaseError
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from aiaxis.metrics import snapshots, state
from aiaxis.metrics.tallies import BUCKETS
from files import storage

logger = logging.getLogger(__name__)

BOUNDS: Final = (*(str(bound) for bound in BUCKETS), "+Inf")


class Installation:
    """Everything that is shown, read when it is asked for."""

    def collect(self) -> Iterator[Metric]:
        """Yield each family; a part that cannot be read is named by the last one, and hides no other."""
        yield from processes(snapshots.whole())
        unread = []
        parts: dict[str, Callable[[], Iterable[Metric]]] = {
            "database": rows,
            "spool": spooled,
            "proof": proof,
            "files": stored,
        }
        for name, read in parts.items():
            try:
                yield from list(read())
            except (DatabaseError, OSError, ValueError, KeyError) as error:
                logger.warning("The metrics lack a part, %s (%s).", name, type(error).__name__)
                unread.append(name)
        yield gauge("unread", "Parts of this page that could not be read.", ("part",), [((one,), 1) for one in unread])


def processes(whole: snapshots.Whole) -> Iterator[Metric]:
    """What the web processes counted, and how busy they are."""
    yield counter("requests", "Requests, by their URL pattern.", ("route", "method", "status"), whole.requests.items())
    seconds = HistogramMetricFamily(
        "aiaxis_request_seconds", "Seconds until an answer began.", labels=("route", "method")
    )
    for labels, counts in whole.times.items():
        buckets = list(zip(BOUNDS, accumulate(counts[:-1]), strict=True))
        seconds.add_metric(labels, buckets, counts[-1])
    yield seconds
    denied = [((action,), count) for action, count in whole.denied.items()]
    yield counter("denials", "Requests that were refused, or failed, by the trail's action.", ("action",), denied)
    fallen = [((sink,), count) for sink, count in whole.fallen.items()]
    yield counter("audit_fallbacks", "Audit entries that a sink did not take.", ("sink",), fallen)
    yield gauge("web_processes", "Web processes that were at work lately.", (), [((), whole.processes)])
    for name, words in (
        ("streams", "Answers that are being followed."),
        ("hashes", "Passwords that are being hashed, or wait for it."),
        ("bodies", "Request bodies that are arriving."),
        ("downloads", "Downloads that are leaving."),
    ):
        yield gauge(f"open_{name}", words, (), [((), whole.now[name])])
    for place, (name, words) in enumerate(
        (
            ("size", "Database connections that the pools hold."),
            ("used", "Database connections of the pools that are in use."),
            ("waiting", "Requests that wait for a database connection."),
        )
    ):
        pools = [((alias,), counts[place]) for alias, counts in whole.pools.items()]
        yield gauge(f"pool_{name}", words, ("database",), pools)


def rows() -> Iterator[Metric]:
    """What the database says of jobs, of messages and of the trail's seal."""
    found = state.rows()
    jobs = found.jobs.items()
    yield gauge("jobs", "Jobs.", ("queue", "state"), [(labels, count) for labels, (count, _) in jobs])
    ages = [(labels, age) for labels, (_, age) in jobs]
    yield gauge("jobs_oldest_seconds", "Seconds since the oldest of these jobs could begin.", ("queue", "state"), ages)
    messages = [((name,), count) for name, count in found.messages.items()]
    yield gauge("notices", "Messages of the outbox.", ("state",), messages)
    yield gauge("notices_late_seconds", "How long the oldest message has been due.", (), [((), found.late)])
    yield gauge(
        "channels_failing", "Notification channels that do not take what they are sent.", (), [((), found.failing)]
    )
    yield gauge("trail_unsealed", "Entries of the trail that wait for their seal.", (), [((), found.unsealed)])
    yield gauge("trail_unsealed_seconds", "How long the oldest of them has waited.", (), [((), found.unsealed_age)])


def spooled() -> Iterator[Metric]:
    """What waits in the spool of this machine, and how its shipper fares."""
    found = state.spooled()
    for name, words in (
        ("segments", "Segments of the audit spool on this machine."),
        ("bytes", "Bytes in the audit spool on this machine."),
        ("rejected", "Audit entries that the database refused, and that were set aside."),
    ):
        yield gauge(f"spool_{name}", words, (), [((), found[name])])
    yield gauge(
        "spool_oldest_seconds", "Age of the oldest segment; one lives for a minute.", (), [((), found["oldest"])]
    )
    if "at" in found:
        yield counter(
            "shipped", "Audit entries that the shipper has stored since it started.", (), [((), found["shipped"])]
        )
        yield gauge("shipper_seen_timestamp_seconds", "When the shipper was last at work.", (), [((), found["at"])])
        yield gauge(
            "shipper_failing",
            "1 while entries cannot be shipped, for the database or a file.",
            (),
            [((), found["error"])],
        )


def proof() -> Iterator[Metric]:
    """How the isolation proof ended last."""
    found = state.proof()
    if found:
        yield gauge("proof_findings", "What the last isolation proof found.", (), [((), found["findings"])])
        yield gauge("proof_timestamp_seconds", "When the isolation was last proven.", (), [((), found["at"])])


def stored() -> Iterator[Metric]:
    """Whether the place where files are kept is there."""
    yield gauge("files_away", "1 while the place where files are kept is out of reach.", (), [((), storage.is_away())])


def gauge(name: str, words: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    """A number that goes up and down."""
    family = GaugeMetricFamily(f"aiaxis_{name}", words, labels=labels)
    for found, value in values:
        family.add_metric(found, value)
    return family


def counter(name: str, words: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    """A number that only goes up."""
    family = CounterMetricFamily(f"aiaxis_{name}", words, labels=labels)
    for found, value in values:
        family.add_metric(found, value)
    return family
