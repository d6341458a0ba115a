"""How does a test run a piece of the audit in a process of its own, which may then be killed or starved?"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEAD_DATABASE = "postgresql://aiaxis_audit:x@/aiaxis?host=/nonexistent-socket"

_BEGIN = """
import django
django.setup()
from accounts.http import Refusal
from audit import entries, services
def denial(number):
    refusal = Refusal("not_found", "request.refused", "notice", {"number": str(number)})
    return entries.denial(None, status=404, refusal=refusal, actor=None)
"""


def environment(home: Path, **changes: str) -> dict[str, str]:
    """The test process's own environment, with a home (and so a spool) of its own."""
    return {**os.environ, "AIAXIS_HOME": str(home), "DJANGO_SETTINGS_MODULE": "aiaxis.settings", **changes}


Child = subprocess.Popen[str]


def start(script: str, home: Path, *, arguments: Sequence[str] = (), **changes: str) -> Child:
    """Run ``script`` after Django's set-up, with `denial(number)`, `entries` and `services` at hand."""
    return _start(["-c", _BEGIN + script, *arguments], home, changes)


def start_command(home: Path, *arguments: str, **changes: str) -> Child:
    """Run ``manage.py`` with these arguments."""
    return _start(["manage.py", *arguments], home, changes)


def _start(arguments: list[str], home: Path, changes: dict[str, str]) -> Child:
    pipe = subprocess.PIPE
    command = [sys.executable, *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(home, **changes), stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )
