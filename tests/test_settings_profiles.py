"""Do the walls stand whatever the settings say?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import User
from aiaxis.demo.people import PEOPLE
from aiaxis.management.commands import serve
from tests.workos import insisting
from tests.workos.server import Double

ROOT = Path(__file__).resolve().parent.parent
WALLS = ["tests/test_every_url.py", "tests/accounts/tenancy/test_fence.py"]
FENCE = ["tests/accounts/tenancy/test_fence.py", "tests/files/test_isolation.py"]
ISOLATION = [
    "tests/files/test_isolation.py",
    "tests/test_matrix.py",
    "tests/accounts/tenancy/test_attacks.py",
    "tests/accounts/tenancy/test_attacked.py",
]
CHOSEN = "past_a_closed or missing_byte or stranger or hides or raises"

PROFILES = {
    # Every switch that a person turns while developing or behind a proxy, at once.
    "development": {"DEBUG": "true", "DATABASE_POOL_SIZE": "3", "TRUSTED_PROXIES": "0.0.0.0/0"},
    # People come in by WorkOS, which is silent all the while: what is refused must not depend on its being heard.
    "workos": {
        "WORKOS_API_KEY": "sk_test_of_a_profile",
        "WORKOS_CLIENT_ID": "client_of_a_profile",
        "WORKOS_ISSUER": "http://127.0.0.1:1",
        "WORKOS_BASE_URL": "http://127.0.0.1:1",
        "WORKOS_WEBHOOK_SECRET": "secret of a profile",
        "PASSWORDS": "workos",
    },
    "plain": {"DATABASE_POOL_SIZE": "0", "SECURE_HSTS_SECONDS": "0", "SIGN_IN_RATE_PER_ADDRESS": "100000/m"},
}


@pytest.mark.parametrize(
    "profile", ["development", *(pytest.param(one, marks=pytest.mark.soak) for one in ("plain", "workos"))]
)
def test_the_walls_stand_under_every_profile(profile: str) -> None:
    """L3: an ownership filter stood inside `if AUTO_LOGIN`, so with sign-in required there was none at all."""
    run(profile, PROFILES[profile], [*WALLS, "-k", CHOSEN])


@pytest.mark.parametrize(
    "tests", [FENCE, pytest.param([*WALLS, *ISOLATION], marks=pytest.mark.soak)], ids=["the fence", "every address"]
)
def test_the_walls_stand_where_workspaces_insist_on_single_sign_on(tests: list[str]) -> None:
    """L3, L30: both workspaces are connected and insist; everybody's session and key is WorkOS's, made over the wire."""
    with Double() as double:
        insisting.fill(double)
        run(f"insisting{len(tests)}", insisting.environment(double), tests)
        # Nobody came in otherwise: what the walk went through is what it says.
        assert double.world.faults.asked["authenticate"] > 5
        assert {one.method for one in double.world.sessions.values()} == {"SSO"}
        assert double.world.keys


def run(name: str, variables: dict[str, str], tests: list[str]) -> None:
    """Run these tests in processes that are told so, with databases of their own: in one beside other tests, in several alone."""
    # The worker's name is part of theirs.
    worker = f"{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}{name}"
    at_once = "0" if "PYTEST_XDIST_WORKER" in os.environ else "auto"
    environment = {**os.environ, **variables, "PYTEST_XDIST_WORKER": worker}
    environment.pop("PYTEST_ADDOPTS", None)
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", at_once, "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout[-4000:]


@pytest.mark.django_db(databases=["owner"])
def test_the_demo_is_an_argument_of_one_command_and_no_mode() -> None:
    """L3: there is no setting that could switch a wall with the demo, and whatever is tested here is tested with the demo off."""
    assert [name for name in dir(settings) if "DEMO" in name] == []
    assert serve.Command().create_parser("manage.py", "serve").parse_args([]).demo is False
    people = [one.email for one in PEOPLE]
    assert people
    assert not User.objects.using("owner").filter(email__in=people).exists()


def test_no_floor_but_the_roof_asks_in_which_mode_it_runs() -> None:
    """L3: what decides who may read must not be able to depend on a mode; so the code that decides cannot ask for one."""
    modes = ("settings.DEBUG", "settings.TESTING", "settings.EMBEDDED")
    may_ask = {
        "accounts/installation.py",  # tells people what is configured, and decides nothing
        "accounts/management/commands/prove_isolation.py",  # a terminal's command: brings its own server's tables up to date
    }
    askers = {
        path.relative_to(ROOT).as_posix()
        for floor in ("accounts", "agents", "audit", "conversations", "files")
        for path in (ROOT / floor).rglob("*.py")
        if any(mode in path.read_text(encoding="utf-8") for mode in modes)
    }
    assert askers <= may_ask
