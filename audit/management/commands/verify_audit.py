"""``manage.py verify_audit [--json] [--checkpoints FILE] [--archive FILE]``: is the trail, or an archive of it, what was sealed?

Exits with 1 on any finding.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from audit import notes, sealing, verification
from audit.retention import archives


class Command(BaseCommand):
    """Compares every sealed entry with its seal, and the seals with the signed notes outside the database."""

    help = "Show that no entry of the audit trail was changed, removed, moved or added, and that its end is there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form of the answer, and whether what waits is sealed first."""
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
        parser.add_argument(
            "--key", action="store_true", help="print the public key, for other readers of signed notes"
        )

        parser.add_argument(
            "--archive", type=Path, metavar="FILE", help="verify an archive with the note beside it, without a database"
        )
        parser.add_argument(
            "--checkpoints",
            type=Path,
            metavar="FILE",
            action="append",
            default=[],
            help="compare with a copy of seals/checkpoints.txt that was kept elsewhere, too; give one or several",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and report."""
        if options["key"]:
            self.stdout.write(notes.verifier_key(settings.SEAL_KEY))
            return
        if options["archive"]:
            self._verify_archive(options["archive"], as_json=options["json"])
            return
        elsewhere = _kept(options["checkpoints"])
        report = verification.verify(elsewhere=elsewhere)
        if options["json"]:
            self.stdout.write(json.dumps(_plain(report)))
        else:
            _show(report, elsewhere=len(elsewhere))
        if not report.holds:
            sys.exit(1)

    def _verify_archive(self, path: Path, *, as_json: bool) -> None:
        try:
            found = archives.checked(path)
        except (archives.Damaged, OSError) as error:
            self.stderr.write(f"The archive does not hold: {error}.")
            sys.exit(1)
        runs = [list(run) for run in found.runs]
        if as_json:
            told = {"archive": found.name, "entries": found.count, "sha256": found.file.hex(), "places": runs}
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(f"The archive {found.name} holds: {found.count:,} entries, each as it was sealed.")


def _kept(copies: list[Path]) -> list[str]:
    """The notes of these copies. One that cannot be read ends the command: the answer would say less than was asked."""
    try:
        return [note for copy in copies for note in sealing.kept_elsewhere(copy)]
    except OSError as error:
        raise CommandError(f"--checkpoints: {error.filename} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CommandError(f"--checkpoints: {error}.") from error


def _plain(report: verification.Report) -> dict[str, Any]:
    return {
        "entries": report.entries,
        "sealed": report.sealed,
        "waiting": report.waiting,
        "archived": report.archived,
        "broken": report.broken,
        "missing": report.missing,
        "truncated": report.truncated,
    }


def _show(report: verification.Report, *, elsewhere: int) -> None:
    console = Console(highlight=False)
    table = Table("what", "found", title="manage.py verify_audit")
    table.add_row("entries in the trail", f"{report.entries:,}")
    table.add_row("of these sealed, and as they were sealed", f"{report.sealed - _changed(report):,}")
    table.add_row("left in their time, by a signed archive", f"{report.archived:,}")
    table.add_row("waiting for their seal (at most a minute)", f"{report.waiting:,}")
    table.add_row("notes outside the database", f"{len(sealing.kept_outside()):,}, in {sealing.outside()}")
    if elsewhere:
        table.add_row("notes that were kept elsewhere", f"{elsewhere:,}")
    console.print(table)
    for finding in (*report.broken, *(f"entry {entry} is gone" for entry in report.missing)):
        console.print(f"  [red]✗[/red] {finding}")
    if report.truncated:
        console.print(
            "  [red]✗[/red] the end of the trail is gone: a checkpoint outside covers more than the database holds"
        )
    console.print("The trail holds." if report.holds else "The trail is not what was sealed.")


def _changed(report: verification.Report) -> int:
    return sum(finding.startswith("entry ") for finding in report.broken)
