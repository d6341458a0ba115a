"""Which of the rules that are programs does this tree break?

``python .ci/check.py <folder> …`` runs every one of them, not only up to the first that fails, prints what each found
and ends with a table. The exit code is 1 when any of them found something.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

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


def main(code: list[str]) -> int:
    """Check every rule over these folders; return 0 when all hold."""
    console = Console(highlight=False)
    table = Table("rule", "result", "seconds", title="make check")
    broken = 0
    for name, command in rules([folder for folder in code if Path(folder).exists()]):
        began = time.monotonic()
        with console.status(f"{name} …"):
            outcome = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if outcome.returncode:
            broken += 1
            console.rule(f"{name}: {Path(command[0]).name} {' '.join(command[1:4])}", align="left")
            console.print(outcome.stdout, markup=False)
        verdict = "[red]broken[/red]" if outcome.returncode else "[green]holds[/green]"
        table.add_row(name, verdict, f"{time.monotonic() - began:.1f}")
    console.print(table)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
