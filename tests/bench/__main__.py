"""`python -m tests.bench`: measure what the design promises, print a table, write .aiaxis/bench.json."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# Before anything reads the settings: databases of the benchmark's own, and one pooled connection each, as the web server pools.
os.environ["PYTEST_XDIST_WORKER"] = "bench"
os.environ["DATABASE_POOL_SIZE"] = "1"
os.environ["BENCH_SMALL_DATABASE"] = "aiaxis_test_bench_small"
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.settings"

import django

from tests import environment

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    """Measure the chosen groups; returns 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument(
        "groups",
        nargs="*",
        default=[
            "start",
            "answers",
            "lifecycle",
            "identities",
            "audit",
            "console",
            "conversations",
            "fence",
            "search",
            "library",
            "pages",
        ],
    )
    parser.add_argument("--rounds", type=int, default=200, help="rounds of interleaved slices")
    parser.add_argument("--workspaces", type=int, default=1000, help="workspaces of 1,000 rows each")
    options = parser.parse_args()
    django.setup()
    from rich.console import Console

    from tests.bench import groups, rows

    console = Console()
    measured: list[rows.Row] = []
    for found in groups.measure(options.groups, rounds=options.rounds, workspaces=options.workspaces, terminal=console):
        # A group that fails takes nothing with it of what was measured before.
        rows.keep(found, ROOT / ".aiaxis" / "bench.json")
        measured += found
    rows.show(measured, console)
    environment.server.stop()
    return 0 if all(row.holds for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
