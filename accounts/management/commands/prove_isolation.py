"""`manage.py prove_isolation [--attack] [--json]`: ask the database whether it keeps workspaces apart, and try to break in.

Exits with 1 on any finding or leak, so that a deployment can stand on it.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connections
from django.db.migrations.executor import MigrationExecutor
from rich.console import Console
from rich.table import Table

from accounts import isolation
from accounts.attacks import Outcome, attack_everything
from accounts.tenancy.proof import Proof


class Command(BaseCommand):
    """Prints what was asked, what was tried and what came of it."""

    help = "Prove from the catalogue that workspaces are kept apart; with --attack, try to break through as well."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the two switches."""
        parser.add_argument(
            "--attack", action="store_true", help="try the attack matrix between two throw-away workspaces"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument("--run", type=UUID, help="the run of the operators' console that this answers")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, attack if wanted, print, and exit with 1 unless everything holds. Raises CommandError if it cannot ask."""
        console = Console(stderr=options["json"], highlight=False)
        try:
            _bring_up_to_date()
        except OperationalError as error:
            raise CommandError(f"The database does not answer, so nothing was proven: {error}") from error
        began = time.monotonic()
        proof = isolation.prove()
        outcomes = _attacked(console) if options["attack"] else []
        report = isolation.report(proof, outcomes, began=began)
        isolation.tell(report, options["run"])
        if options["json"]:
            self.stdout.write(json.dumps(report, indent=2))
        else:
            _print(console, proof, outcomes)
        if proof.findings or not all(outcome.holds for outcome in outcomes):
            sys.exit(1)


def _bring_up_to_date() -> None:
    """Migrate the embedded database, which is ours alone, if nobody has yet; of another one say that it is not ready."""
    executor = MigrationExecutor(connections["owner"])
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing and settings.EMBEDDED:
        call_command("migrate", database="owner", verbosity=0)
    elif missing:
        raise CommandError(
            f"The database lacks {len(missing)} migrations. Run `manage.py migrate --database owner`, then prove again."
        )


def _attacked(console: Console) -> list[Outcome]:
    # The worker's door says of each forged job that it refused it; here that is what was hoped for.
    logging.getLogger("aiaxis.jobs").disabled = True
    with console.status("Two throw-away workspaces are set up …") as status:
        return attack_everything(lambda outcome: status.update(f"{outcome.attack.group}: {outcome.attack.name} …"))


def _print(console: Console, proof: Proof, outcomes: list[Outcome]) -> None:
    console.print(
        f"PostgreSQL {proof.server_version}, {proof.tables} tables and partitions, every role, policy and grant"
    )
    for finding in proof.findings:
        console.print(f"  [red]{finding.where}[/red]: {finding.what}", markup=True)
    if not proof.findings:
        console.print("  The catalogue says what the models and the list of grants say.")
    if outcomes:
        console.print(_table(outcomes))
    for outcome in outcomes:
        for word, lines in (("took", outcome.leaks), ("broke", outcome.broken)):
            for line in lines:
                console.print(f"  [red]{outcome.name}[/red] ({outcome.scene.front}) {word}: {line}")
    leaks = sum(not outcome.holds for outcome in outcomes)
    console.print(
        f"{len(proof.findings)} findings, {len(outcomes)} attacks in {sum(outcome.tries for outcome in outcomes)} tries, "
        f"{leaks} leaks."
    )


def _table(outcomes: list[Outcome]) -> Table:
    """Return the attacks by group and front, with how many were refused."""
    table = Table("Attacks", "Front", "Tried", "Refused", "Leaks")
    for row in isolation.attacked(outcomes):
        number, refused = row["tried"], row["refused"]
        table.add_row(row["group"], row["front"], str(number), str(refused), str(number - refused))
    return table
