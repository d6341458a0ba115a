"""Which of the rules that are programs does this tree break?

``python .ci/check.py <folder> …`` runs every one of them, not only up to the first that fails, prints what each found
and ends with a table. The exit code is 1 when any of them found something.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


def rules(code: list[str]) -> list[tuple[str, list[str]]]:
    """Return each rule's name with the command that checks it, in the order in which people want the answers."""
    python = sys.executable
    return [
        ("lint", [python, "-m", "ruff", "check", "--quiet", *code]),
        ("format", [python, "-m", "ruff", "format", "--check", "--quiet", *code]),
        ("imports", [str(Path(python).with_name("lint-imports"))]),
        ("templates", [python, "-m", "djlint", "--lint", "--quiet", "templates"]),
        ("types", [python, "-m", "mypy", "--no-error-summary", *code]),
        ("security", [python, "-m", "bandit", "--quiet", "--recursive", "--configfile", "pyproject.toml", *code]),
        ("settings", [python, "manage.py", "check", "--fail-level", "WARNING"]),
        ("migrations", [python, "manage.py", "makemigrations", "--check", "--dry-run"]),
    ]


class Outcome(NamedTuple):
    """How one rule's command ended."""

    code: int
    said: str
    seconds: float


def _run(rule: tuple[str, list[str]]) -> Outcome:
    began = time.monotonic()
    done = subprocess.run(rule[1], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return Outcome(done.returncode, done.stdout, time.monotonic() - began)


def main(code: list[str]) -> int:
    """Check every rule over these folders; return 0 when all hold."""
    console = Console(highlight=False)
    table = Table("rule", "result", "seconds", title="make check")
    broken = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        began = rules([folder for folder in code if Path(folder).exists()])
        # In the order above, whichever is ready first: the same tree prints the same lines.
        for (name, command), outcome in zip(began, pool.map(_run, began), strict=True):
            if outcome.code:
                broken += 1
                console.rule(f"{name}: {Path(command[0]).name} {' '.join(command[1:4])}", align="left")
                console.print(outcome.said, markup=False, soft_wrap=True)
            verdict = "[red]broken[/red]" if outcome.code else "[green]holds[/green]"
            table.add_row(name, verdict, f"{outcome.seconds:.1f}")
    console.print(table)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
