"""Does `postmaster.pid` speak of a server that runs, or of one long dead?

PostgreSQL itself trusts a live pid too much: a recycled one (somebody else's process after a reboot) or a zombie (a
container whose first process reaps nobody) keeps it from starting for ever, and so does a truncated file.
"""

import subprocess
from pathlib import Path

from aiaxis.postgres.places import Places


def is_served(places: Places) -> bool:
    """Say whether the postmaster of this very data directory is alive. It may be starting, stopping or hung."""
    pid = _pid_in(places.data / "postmaster.pid")
    return pid is not None and _is_our_postmaster(pid, places.data)


def bury_stale(places: Places) -> None:
    """Remove the pid file and the socket's lock file of a server that is dead. Needs the control lock.

    Children that outlived it are no danger: PostgreSQL finds them by the shared memory that they still hold, whose
    key comes from the data directory and not from this file.
    """
    if is_served(places):
        return
    for path in (places.data / "postmaster.pid", places.socket_directory / ".s.PGSQL.5432.lock"):
        path.unlink(missing_ok=True)


def _pid_in(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        # No file, an empty one, or the half of one that a full disk or a crash left.
        return None


def _is_our_postmaster(pid: int, data: Path) -> bool:
    """Compare the command line, which names the data directory; a zombie has none, so it counts as dead."""
    if pid <= 0:
        return False
    if Path("/proc/self").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return str(data).encode() in words
    listing = subprocess.run(["/bin/ps", "-o", "args=", "-p", str(pid)], capture_output=True, check=False, timeout=10)
    return str(data).encode() in listing.stdout
