"""Does an installation keep the secrets that it made, and does a newer version get by with an older home?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiaxis import home


def test_it_makes_every_secret_once(tmp_path: Path) -> None:
    made = home.own_secrets(tmp_path)
    assert set(made) == set(home.SECRET_NAMES)
    assert len(set(made.values())) == len(made)
    assert home.own_secrets(tmp_path) == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_an_older_home_gets_the_later_secret_the_same_each_time(tmp_path: Path) -> None:
    """Two processes of one start have to agree on it, and so have two starts."""
    made = home.own_secrets(tmp_path)
    older = {name: value for name, value in made.items() if name not in home.LATER_NAMES}
    (tmp_path / "secrets.json").write_text(json.dumps(older))
    first = home.own_secrets(tmp_path)
    assert first == home.own_secrets(tmp_path)
    assert {name: first[name] for name in older} == older
    assert first["IDENTITY_KEY"] not in older.values()
    assert len(first["IDENTITY_KEY"]) >= 32


def test_a_lost_secret_is_not_made_up(tmp_path: Path) -> None:
    made = home.own_secrets(tmp_path)
    del made["FENCE_KEY"]
    (tmp_path / "secrets.json").write_text(json.dumps(made))
    with pytest.raises(home.HomeError, match="FENCE_KEY"):
        home.own_secrets(tmp_path)
