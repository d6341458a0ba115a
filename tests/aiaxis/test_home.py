"""Does an installation keep the secrets that it made, and get those that a later version asks for?"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aiaxis import home


def test_it_makes_every_secret_once(tmp_path: Path) -> None:
    made = home.own_secrets(tmp_path)
    assert set(made) == set(home.SECRET_NAMES)
    assert all(len(value) >= 32 for value in made.values())
    assert home.own_secrets(tmp_path) == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_home_of_an_earlier_version_gets_the_new_secret_and_keeps_the_others(tmp_path: Path) -> None:
    earlier = {name: f"{name} of an earlier version, long enough" for name in home.SECRET_NAMES[:3]}
    (tmp_path / "secrets.json").write_text(json.dumps(earlier))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: home.own_secrets(tmp_path), range(8)))
    assert all(one == found[0] for one in found), "two processes that start at once must not encrypt under two keys"
    assert {name: found[0][name] for name in earlier} == earlier
    assert len(found[0]["IDENTITY_KEY"]) >= 32
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".secrets-")]


@pytest.mark.parametrize("lost", ["SECRET_KEY", "FENCE_KEY", "JOB_KEY"])
def test_it_never_makes_up_a_secret_that_something_is_under_already(tmp_path: Path, lost: str) -> None:
    made = home.own_secrets(tmp_path)
    (tmp_path / "secrets.json").write_text(json.dumps({name: value for name, value in made.items() if name != lost}))
    with pytest.raises(home.HomeError, match=lost):
        home.own_secrets(tmp_path)
