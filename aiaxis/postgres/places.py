"""Where do the cluster, its socket and its locks live, and under which user of the operating system?"""

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from aiaxis.postgres.errors import ServerError

SYSTEM_DIRECTORY = Path("/var/lib/aiaxis")
"""Where clusters live when the platform runs as root, because their own user cannot enter a private home."""

SYSTEM_ACCOUNT = "aiaxis-pg"

_LONGEST_SOCKET_DIRECTORY = 107 - len("/.s.PGSQL.5432.lock")
"""Bytes. A Unix socket's path holds at most 107 bytes on Linux, and the server adds its own file name."""

_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")
"""`unix_socket_directories` is a comma-separated list with its own quoting; other paths get a short directory."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user of the operating system that PostgreSQL runs as, when that is not our own."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Places:
    """Every path that belongs to the embedded server of one home. Making it touches nothing on disk."""

    home: Path
    room: Path
    socket_directory: Path
    as_root: bool

    @classmethod
    def of(cls, home: Path) -> "Places":
        """Work out the places for `home`: inside it for an ordinary user, in `/var/lib/aiaxis` for root."""
        home = Path(os.path.realpath(home))
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        as_root = os.geteuid() == 0
        room = SYSTEM_DIRECTORY / digest if as_root else home / "postgres"
        sockets = room / "run"
        if len(os.fsencode(sockets)) > _LONGEST_SOCKET_DIRECTORY or not _PLAIN_PATH.fullmatch(str(sockets)):
            # Fixed rather than $TMPDIR or $XDG_RUNTIME_DIR: a cron job and a shell must find the same socket.
            sockets = Path("/tmp") / f"aiaxis-{os.geteuid()}-{digest}"  # noqa: S108 - private: see `_private_directory`
        return cls(home=home, room=room, socket_directory=sockets, as_root=as_root)

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.room / "data"

    @property
    def credentials(self) -> Path:
        """The passwords of the roles, mode 0600, in the home and never in the room."""
        return self.home / "postgres-credentials.json"

    @property
    def superuser(self) -> Path:
        """The superuser's password, mode 0600, which no part of the platform reads."""
        return self.room / "superuser-password"

    @property
    def finished(self) -> Path:
        """Names the credentials that the cluster was furnished with; a cluster without it was never finished."""
        return self.room / "finished"

    @property
    def server_log(self) -> Path:
        """What the server itself writes."""
        return self.room / "server.log"

    @property
    def supervisor_log(self) -> Path:
        """What `initdb` and `pg_ctl` write."""
        return self.room / "supervisor.log"

    def prepare(self) -> Account | None:
        """Make the directories, and say which account the server runs as: None for our own.

        No mode of a directory that was there before is ever changed, and no parent's. Raises `OSError` when
        something cannot be written and `ServerError` when root finds no unprivileged account, or another user's data.
        """
        self._refuse_to_begin_beside_a_users_data()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = system_account() if self.as_root else None
        if account:
            # Its user must be able to pass through, and to list or change nothing: the room is root's.
            SYSTEM_DIRECTORY.mkdir(mode=0o755, parents=True, exist_ok=True)
            self.room.mkdir(mode=0o711, exist_ok=True)
        else:
            self.room.mkdir(mode=0o700, exist_ok=True)
        self._private_directory(self.socket_directory, account)
        log = os.open(self.server_log, os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_WRONLY, 0o600)
        try:
            if account:
                os.fchown(log, account.uid, account.gid)
        finally:
            os.close(log)
        return account

    def _refuse_to_begin_beside_a_users_data(self) -> None:
        """Root's data lie elsewhere, so one command that is run as root in a user's home would find an empty installation."""
        users = self.home / "postgres" / "data"
        if self.as_root and users.exists() and not self.data.exists():
            raise ServerError(
                f"The data of {self.home} lie in {users} and belong to the user {_name_of(users.stat().st_uid)}, and you are "
                "root. Run this as that user, or set AIAXIS_HOME to a folder of your own."
            )

    def _private_directory(self, path: Path, account: Account | None) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        owner = account.uid if account else os.geteuid()
        found = path.lstat()
        if account and found.st_uid == 0 and stat.S_ISDIR(found.st_mode):
            os.chown(path, account.uid, account.gid)
            found = path.lstat()
        # In a shared directory such as /tmp somebody else may have been first: then every password would go to him.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise ServerError(
                f"{path} is not a private directory of this user, so the database's socket would not be safe there. "
                "Remove it, or set AIAXIS_HOME to a shorter path, and start again."
            )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def system_account() -> Account:
    """Find or make the unprivileged user that PostgreSQL runs as when we are root, which it refuses to be."""
    for attempt in (None, ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT]):
        if attempt and shutil.which(attempt[0]):
            # Two processes may race here; whoever loses finds the account in the look-up that follows.
            subprocess.run(attempt, capture_output=True, check=False, timeout=60)
        account = _look_up(SYSTEM_ACCOUNT)
        if account:
            return account
    account = _look_up("postgres")
    if account:
        return account
    raise ServerError(
        "PostgreSQL refuses to run as root and this system has no user for it. "
        f"Add a system user named {SYSTEM_ACCOUNT}, or run AiAxis as an ordinary user, and start again."
    )


def _look_up(name: str) -> Account | None:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, found.pw_uid, found.pw_gid)
