"""What was promised, what was measured, and does it hold?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One figure. `target` is empty for a figure that was measured to explain another."""

    name: str
    value: float
    unit: str
    target: str = ""
    holds: bool = True
    detail: str = ""


def at_most(name: str, value: float, limit: float, unit: str, detail: str = "") -> Row:
    """A figure that must not pass a limit."""
    return Row(name, round(value, 3), unit, f"≤ {limit:g}", value <= limit, detail)


def at_least(name: str, value: float, limit: float, unit: str, detail: str = "") -> Row:
    """A figure that must reach a limit."""
    return Row(name, round(value, 3), unit, f"≥ {limit:g}", value >= limit, detail)


def noted(name: str, value: float, unit: str, detail: str = "") -> Row:
    """A figure without a target."""
    return Row(name, round(value, 3), unit, detail=detail)


def keep(rows: list[Row], path: Path) -> None:
    """Write the rows that have a target to `path`, beside those that stand there from other runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(path.read_text()) if path.is_file() else {}
    for row in rows:
        if row.target:
            kept[row.name] = {"value": row.value, "unit": row.unit, "target": row.target, "holds": row.holds}
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(title="What was promised, and what was measured")
    for heading in ("figure", "value", "unit", "target", "holds", "how"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for row in rows:
        holds = "" if not row.target else "yes" if row.holds else "[bold red]NO[/]"
        table.add_row(row.name, f"{row.value:g}", row.unit, row.target, holds, row.detail)
    console.print(table)
