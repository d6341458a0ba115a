"""Does the served installation keep to its description over a long time, and do two companies stay apart, whatever is made up?

Schemathesis itself asks, as the two of them in turn: each value at its bounds, values at random, and sequences in which what one answer
named is asked for next. Whatever it was told as one of them it asks for as the other, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests import doors
from tests.cast import ALICE, CHARLIE
from tests.conversations.stage import asked, desk
from tests.served import running

pytestmark = pytest.mark.soak

CHECKS: Final = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,ignored_auth,"
    "use_after_free,object_level_authorization"
)
SECONDS: Final = 300
CONFIGURATION: Final = """
seed = 1
max-time = 150
[generation]
deterministic = true
max-examples = 8
[auth.wfc]
path = "people.json"
peers = ["Alice", "Charlie"]
"""


@pytest.fixture
def served(committed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("API_RATE", "1000000/m")
    with running(tmp_path) as address:
        yield address


def test_two_companies_ask_whatever_can_be_asked(served: str, tmp_path: Path) -> None:
    """Acme's key and Birch's: what either is told of is never shown to the other, and nothing that comes is a failure of ours."""
    for person in (ALICE, CHARLIE):
        asked(person, desk(person))
    people = [
        {"name": person.name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {doors.key(person).value}"}]}
        for person in (ALICE, CHARLIE)
    ]
    (tmp_path / "people.json").write_text(json.dumps({"auth": people}))
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{served}/api/v1/openapi.json", "--checks", CHECKS]
    # Where it runs it leaves what it remembers.
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
