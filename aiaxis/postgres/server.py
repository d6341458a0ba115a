"""How do several processes share one embedded PostgreSQL that starts with the first and stops with the last?

Two kernel locks decide, which die with their process, and no list of pids. `control` is held for moments, by whoever
starts or stops the server. `use` is held shared by everybody who uses it: who can have it alone is the last one.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from psycopg.pq import PGconn, Ping

from aiaxis.postgres import binaries as programs
from aiaxis.postgres import cluster
from aiaxis.postgres.binaries import Binaries
from aiaxis.postgres.errors import ServerError, from_logs, in_plain_words
from aiaxis.postgres.files import create_private_once, read_private, write_private
from aiaxis.postgres.pidfiles import bury_stale, is_served
from aiaxis.postgres.places import Places

_PATIENCE = 300
"""Seconds to wait for another process that starts or stops the server, and for a server that recovers."""

_LARGEST_LOG = 16 * 1024 * 1024


class EmbeddedServer:
    """The PostgreSQL of one `AIAXIS_HOME`. Use it as a context manager, or call `start` and `stop`.

    `credentials` and `url` work without a server; everything else raises `ServerError` with one clear sentence.
    """

    def __init__(self, home: Path) -> None:
        self.places = Places.of(home)
        self._use: int | None = None
        self._pid = 0

    def credentials(self) -> dict[str, str]:
        """Return the password of each role, made at the first call. Starts nothing; the file has mode 0600."""
        passwords = self._credentials()["roles"]
        if not isinstance(passwords, dict) or set(passwords) != set(cluster.ROLES):
            raise ServerError(
                f"{self.places.credentials} does not hold the passwords of this PostgreSQL. Put its backup back, "
                f"or delete it together with {self.places.room} to begin anew without data."
            )
        return {str(role): str(password) for role, password in passwords.items()}

    def url(self, role: str, database: str = "aiaxis") -> str:
        """Return `postgresql://<role>:<password>@/<database>?host=<socket directory>`; starts nothing.

        psycopg takes it as a connection string, and django-environ's `db_url_config` turns it into a Django database
        whose OPTIONS hold the host. Raises KeyError for a role that is none of ours.
        """
        return self._url(role, self.credentials()[role], database)

    def superuser_url(self, database: str = "postgres") -> str:
        """Like `url`, for the superuser: only for making the cluster and for tests of a throw-away one."""
        with in_plain_words(self.places.room):
            return self._url(cluster.SUPERUSER, self.places.superuser.read_text(encoding="utf-8"), database)

    def start(self) -> None:
        """Use the server: attach to it when it runs, else start it, making the cluster first if there is none.

        Calling it again makes sure that the server still runs, and starts it anew if it was killed.
        """
        with in_plain_words(self.places.home):
            self.places.prepare()
            with self._control():
                try:
                    self._bring_up()
                except BaseException:
                    # A start that failed or was interrupted leaves no process, unless somebody else uses it.
                    self._halt_if_unused()
                    raise
                if self._use is None or self._pid != os.getpid():
                    self._use = os.open(self.places.room / "use.lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
                    self._pid = os.getpid()
                    fcntl.flock(self._use, fcntl.LOCK_SH)

    def stop(self) -> None:
        """Stop using the server; whoever is the last to do so stops it. Does nothing if it was not started here."""
        if self._use is None or self._pid != os.getpid():
            # After a fork the lock is the parent's to give up, although the child has its descriptor.
            return
        lock, self._use = self._use, None
        with in_plain_words(self.places.home), self._control():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            else:
                self._halt(programs.find(self.places, self.places.prepare()))
            finally:
                os.close(lock)

    def _halt_if_unused(self) -> None:
        lock = os.open(self.places.room / "use.lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_served(self.places):
                self._halt(programs.find(self.places, self.places.prepare()))
        except (BlockingIOError, ServerError):
            # It is in use, or cannot be stopped: what made the start fail is the better news, and is raised.
            return
        finally:
            os.close(lock)

    def is_answering(self) -> bool:
        """Say whether the server accepts connections now. Costs well under a millisecond when it does."""
        about = f"host='{self.places.socket_directory}' user=aiaxis_owner dbname=aiaxis connect_timeout=3"
        return PGconn.ping(about.encode()) == Ping.OK

    def make_database(self, name: str, owner: str, template: str = "template1") -> None:
        """Make a database anew for tests, dropping its predecessor, with the rights that `aiaxis` begins with.

        `template1` carries the extensions and flags, `template0` carries nothing; a database to clone must have no
        session. Uses the superuser, because the identity store's role may not create databases.
        """
        with in_plain_words(self.places.room):
            cluster.make_database(self.places, name, owner, template)

    def destroy(self) -> None:
        """Stop the server whoever uses it and delete the cluster with all data: for a test's throw-away home."""
        self.stop()
        with in_plain_words(self.places.home):
            if self.places.room.exists():
                self._halt(programs.find(self.places, self.places.prepare()))
            shutil.rmtree(self.places.room, ignore_errors=True)
            shutil.rmtree(self.places.socket_directory, ignore_errors=True)
            self.places.credentials.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _credentials(self) -> dict[str, object]:
        path = self.places.credentials
        with in_plain_words(path):
            found = read_private(path)
            if found is None:
                self.places.home.mkdir(mode=0o700, parents=True, exist_ok=True)
                passwords = {role: secrets.token_urlsafe(32) for role in cluster.ROLES}
                create_private_once(path, json.dumps({"cluster": secrets.token_hex(16), "roles": passwords}, indent=1))
                found = read_private(path)
        return {"cluster": "", "roles": {}} | (found or {})

    def _url(self, role: str, password: str, database: str) -> str:
        host = quote(str(self.places.socket_directory), safe="/")
        return f"postgresql://{quote(role, safe='')}:{quote(password, safe='')}@/{quote(database, safe='')}?host={host}"

    @contextlib.contextmanager
    def _control(self) -> Iterator[None]:
        lock = os.open(self.places.room / "control.lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            deadline = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ServerError(
                            f"Another process has been starting or stopping the PostgreSQL of {self.places.home} for "
                            f"more than {_PATIENCE:.0f} s. End that process and start again."
                        ) from None
                    time.sleep(0.01)
            yield
        finally:
            os.close(lock)

    def _bring_up(self) -> None:
        """Bring the cluster to the state "furnished and answering" from any other. Needs the control lock."""
        passwords = self.credentials()
        identity = str(self._credentials()["cluster"])
        places = self.places
        if self._mark() == [identity, str(cluster.FURNISHING)] and self.is_answering():
            return
        found = programs.find(places, places.prepare())
        if places.data.exists() and self._mark()[:1] != [identity]:
            self._put_aside(found)
        if not places.data.exists():
            for leftover in places.room.glob("data.????????"):
                shutil.rmtree(leftover, ignore_errors=True)
            places.finished.unlink(missing_ok=True)
            cluster.initialise(places, found)
        self._refuse_other_version(found)
        self._launch(found)
        mark = [identity, str(cluster.FURNISHING)]
        if self._mark() != mark:
            if places.finished.exists():
                cluster.renew(places)
            else:
                cluster.furnish(places, passwords)
            write_private(places.finished, " ".join(mark))

    def _mark(self) -> list[str]:
        """Return which credentials the cluster was furnished for, and by which version; empty if it never was."""
        try:
            return self.places.finished.read_text(encoding="utf-8").split() if self.places.data.exists() else []
        except FileNotFoundError:
            return []

    def _put_aside(self, found: Binaries) -> None:
        """Make room for a new cluster: delete one that was never finished, keep one whose passwords are lost.

        The latter happens as root when somebody deletes the home, whose cluster lies elsewhere. It may hold the only
        copy of somebody's work, so it is renamed (one is kept, the newest) and never deleted at once.
        """
        self._halt(found)
        if self.places.finished.exists():
            kept = self.places.room / "data-of-deleted-home"
            shutil.rmtree(kept, ignore_errors=True)
            self.places.data.rename(kept)
        else:
            shutil.rmtree(self.places.data)

    def _refuse_other_version(self, found: Binaries) -> None:
        made_by = (self.places.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if made_by != str(found.version[0]):
            raise ServerError(
                f"The data in {self.places.data} were written by PostgreSQL {made_by}, and the programs are of "
                f"{found.version[0]}. Move them with pg_dump or pg_upgrade, or install the former version again."
            )

    def _launch(self, found: Binaries) -> None:
        """Start the server over a furnished or an empty cluster and wait until it answers."""
        if self.is_answering():
            return
        places = self.places
        bury_stale(places)
        if is_served(places) and not (places.socket_directory / ".s.PGSQL.5432").exists():
            # It runs, and nobody can reach it any more: somebody cleaned the directory of its socket.
            self._halt(found)
        if places.server_log.stat().st_size > _LARGEST_LOG:
            os.truncate(places.server_log, 0)
        options = f"-c config_file={shlex.quote(str(cluster.configure(places)))}"
        where = ("-D", places.data, "-l", places.server_log, "-o", options)
        deadline = time.monotonic() + _PATIENCE
        while not self.is_answering():
            if not is_served(places):
                # Fails while the children of a killed postmaster still let go of its shared memory: hence the loop.
                failed = found.run("pg_ctl", *where, "-w", "-t", str(_PATIENCE), "start", log=places.supervisor_log)
                if failed and time.monotonic() > deadline - _PATIENCE + 10:
                    raise from_logs("start", places.supervisor_log, places.server_log)
                bury_stale(places)
            if time.monotonic() > deadline:
                raise from_logs("answer in time", places.supervisor_log, places.server_log)
            if not self.is_answering():
                time.sleep(0.05)

    def _halt(self, found: Binaries) -> None:
        """Stop a running server, politely and then not; fine if there is none."""
        for mode in ("fast", "immediate"):
            if not is_served(self.places):
                return
            arguments = ("-D", self.places.data, "-m", mode, "-w", "-t", "30", "stop")
            if not found.run("pg_ctl", *arguments, log=self.places.supervisor_log):
                return
        if is_served(self.places):
            raise from_logs("stop", self.places.supervisor_log, self.places.server_log)
