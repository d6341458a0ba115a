"""How does a whole installation start on one machine, and what is the person who started it told?

It stands on the roof and not in an app, because it starts what every app brings: the database, the audit's shipper, the
worker and the web server.
"""

from __future__ import annotations

import gc
import json
import shlex
import signal
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.management import BaseCommand, call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError

from aiaxis import web
from aiaxis.announcements import say, show
from aiaxis.demo import sign_ins
from aiaxis.home import HomeError
from aiaxis.postgres import EmbeddedServer, ServerError
from aiaxis.supervisor import Supervisor

PATIENCE_SECONDS = 60.0  # for the first answer of /readyz
LOOK_SECONDS = 1.0  # between two looks whether the embedded server still answers

Result = TypeVar("Result")


class Command(BaseCommand):
    """`manage.py serve [--demo]`: everything that one machine needs, in one foreground process."""

    help = "Run the web server, the worker, the audit shipper and, where no DATABASE_URL is set, the database."
    # The same checks run in the child that prepares the database, where their models are loaded anyway.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take two switches; everything else is a setting, so that a service manager can give it."""
        parser.add_argument("--demo", action="store_true", help="load the demo workspaces Acme and Birch")
        parser.add_argument(
            "--part",
            choices=("all", "web", "worker"),
            default="all",
            help="with a PostgreSQL of yours, on a host of its own: the web server or the worker alone, each with a shipper",
        )

    def handle(self, *args: Any, demo: bool = False, part: str = "all", **options: Any) -> None:
        """Start, say where, keep everything up, and stop in order. The exit code is 1 when the start fails."""
        if settings.EMBEDDED and part != "all":
            sys.exit("DATABASE_URL: a part by itself needs a PostgreSQL that all parts share, and none is named.")
        try:
            if part != "worker":
                web.refuse_taken_address(settings.ADDRESS, settings.PORT)
        except web.AddressError as error:
            sys.exit(str(error))
        supervisor = Supervisor(say=say)
        supervisor.listen()
        try:
            started = _start(supervisor, demo=demo, part=part)
            if started:
                _welcome(demo=demo) if part != "worker" else say("\nThe worker of AiAxis runs   (Ctrl-C stops it)")
                supervisor.watch()
        finally:
            asked = supervisor.stopping
            supervisor.stop()
        if not started and not asked:
            sys.exit("AiAxis did not start. What stands above says why.")
        say("\nAiAxis stopped.")


def _start(supervisor: Supervisor, *, demo: bool, part: str) -> bool:
    """Start the pieces in the order in which they need each other; say whether all of it came up."""
    say("[bold]AiAxis[/bold] is starting …")
    if settings.EMBEDDED:
        supervisor.start("database", _keep_database)
    application = web.load()  # while PostgreSQL starts on another core, and once for all children
    if settings.EMBEDDED:
        answers = EmbeddedServer(settings.AIAXIS_HOME).is_answering
        if not _step("PostgreSQL runs", lambda: supervisor.came_up(answers, PATIENCE_SECONDS)):
            return False
    if supervisor.once("prepare", lambda: _prepare(demo=demo)):
        return False
    supervisor.start("shipper", lambda: call_command("ship_audit"))
    if part != "web":
        supervisor.start("worker", lambda: call_command("work"))
    if part == "worker":
        return True
    supervisor.start("web", lambda: web.serve(application))
    return _step("Web server, worker and audit shipper run", lambda: supervisor.came_up(_is_ready, PATIENCE_SECONDS))


def _keep_database() -> None:
    """Use the embedded server until told to stop, and start it anew whenever it died: whoever holds it last stops it.

    This child outlives the others, and nobody else would notice: they only wait for the database to answer again.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        with EmbeddedServer(settings.AIAXIS_HOME) as server:
            while not stop.wait(LOOK_SECONDS):
                if not server.is_answering():
                    server.start()
    except ServerError as error:
        sys.exit(str(error))


def _prepare(*, demo: bool) -> None:
    """Bring the schema up to date, prove the fence, load the demo: in a child, so that the supervisor keeps no thread."""
    try:
        if settings.EMBEDDED:
            # Waits until the cluster, which answers already, has its roles and databases too.
            EmbeddedServer(settings.AIAXIS_HOME).start()
        with _one_host_at_a_time():
            _step("The platform's tables are up to date", _migrate_platform)
            _step("The identity store's tables are up to date", lambda: _migrate("identity"))
        _step("The settings are sound", BaseCommand().check)
        _step("The fence holds", _prove)
        if demo:
            _step("The demo is loaded", lambda: call_command("load_demo", verbosity=0))
    except (ServerError, HomeError, OperationalError, OSError, SystemCheckError) as error:
        sys.exit(f"The start stopped, because the database or the home folder cannot be used: {error}")


@contextmanager
def _one_host_at_a_time() -> Iterator[None]:
    """Let one host of an installation migrate; others that start in the same moment wait, and find nothing left to do."""
    from django.db import connections  # here: the supervisor itself never asks the database

    # On a connection of its own, since a migration may end the transactions of the owner's.
    line = connections["owner"].copy()
    try:
        with line.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended('aiaxis.prepare', 0))")
        yield
    finally:
        line.close()


def _migrate_platform() -> None:
    """Migrate, and make the trail's coming months: at every start, for an installation may go long without a migration."""
    from audit import partitions  # here: the supervisor itself never asks the database

    # Django makes its models anew for each step. To look through all of them for garbage again and again took two fifths of the
    # time that a new database takes (measured); what is left until the end is some 150 MB.
    gc.disable()
    try:
        _migrate("owner")
    finally:
        gc.enable()
    partitions.ensure("owner", datetime.now(UTC).date())


def _prove() -> None:
    from accounts import isolation  # here: the supervisor itself never asks the database
    from aiaxis.metrics import state

    findings = isolation.findings_at_start()
    state.note_proof(len(findings))
    if findings:
        sentences = "\n".join(f"  {finding}" for finding in findings)
        sys.exit(f"The database does not keep workspaces apart as it must, so nothing is served:\n{sentences}")


def _migrate(alias: str) -> None:
    """Apply what this database lacks of the migrations that its router sends to it, and nothing when it lacks none."""
    from django.db import connections, router
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connections[alias])
    nodes = [node for node in executor.loader.graph.leaf_nodes() if router.allow_migrate(alias, node[0])]
    lacking = {migration.app_label for migration, _ in executor.migration_plan(nodes)} & {app for app, _ in nodes}
    # The owner's at once, since what follows a migration (grants, partitions) looks at all apps. The identity store's one
    # by one: a migration of the platform would change nothing there, and takes its time all the same.
    runs: list[list[str]] = [[]] if alias == "owner" and lacking else [[app] for app in sorted(lacking)]
    for labels in runs:
        call_command("migrate", *labels, database=alias, verbosity=0, interactive=False)


def _is_ready() -> bool:
    connection = HTTPConnection(_reachable_address(), settings.PORT, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": settings.ALLOWED_HOSTS[0]})
        return connection.getresponse().status == 200
    except OSError:
        return False  # nobody listens yet
    finally:
        connection.close()


def _reachable_address() -> str:
    address = str(settings.ADDRESS)
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - compared here, not bound


def _welcome(*, demo: bool) -> None:
    """Print where it is and, with the demo, who can sign in."""
    say(f"\nAiAxis is ready at [bold]{sign_ins.address()}[/bold]   (Ctrl-C stops it)")
    if not demo:
        return
    path = sign_ins.path()
    told = json.loads(path.read_text(encoding="utf-8"))
    rows = [("sign in as", "password", "workspace", "role")]
    rows += [(one["email"], one["password"], one["workspace"], one["role"]) for one in told["people"]]
    rows += [(one["email"], one["password"], "–", "operator, at /operator/") for one in told["operators"]]
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    for row in rows:
        # Whole on any terminal: a table that cuts a password off is worse than one that wraps.
        show("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    # The code is made from what lies in this home, which is not always the one that a command finds by itself.
    elsewhere = settings.AIAXIS_HOME != settings.BASE_DIR / ".aiaxis"
    home = f"AIAXIS_HOME={shlex.quote(shown(settings.AIAXIS_HOME))} " if elsewhere else ""
    say(f"An operator also needs a code, which lasts half a minute: {home}.venv/bin/python manage.py demo_code")
    say(f"The same, with API keys, is in {shown(path)}.\n")


def shown(path: Path) -> str:
    """Write a path short where it lies below the folder we stand in, and whole where it would begin with dots."""
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _step(done: str, run: Callable[[], Result]) -> Result:
    """Run one step and, unless it says False, print what is done now, with its seconds."""
    began = time.monotonic()
    result = run()
    if result is not False:
        say(f"  [green]✓[/green] {done}  [dim]{time.monotonic() - began:.1f} s[/dim]")
    return result
