"""Would every attack of the matrix succeed if nothing stood in its way? That each is refused: test_attacked.py.

P5, and with it L1, L2, L4, L6, L8, L9, L10, L17, L39, L43 and L45: each row of the matrix is one attempt to read, write,
take over or merely notice what belongs to another workspace, or to a colleague of one's own.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import DatabaseError, connections, transaction

from accounts.attacks import MATRIX, Attack, Scene, Stage, judging
from accounts.attacks.judging import REFUSALS, judged
from accounts.attacks.matrix import Front, attack
from accounts.attacks.stage import staged, workspace_models
from tests import databases

ROWS = [(attack, front) for attack in MATRIX for front in attack.fronts]
REHEARSALS = [(attack, front) for attack, front in ROWS if attack.rehearsed]


def name_of(value: object) -> str:
    return f"{value.group}: {value.name}" if isinstance(value, Attack) else str(value)


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[Stage]:
    """Twin rows of every workspace model, committed, so that several connections see them."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        with staged() as stage:
            yield stage
        databases.put_back()


@pytest.mark.parametrize(("row", "front"), REHEARSALS, ids=name_of)
def test_it_would_succeed_if_it_were_allowed(stage: Stage, row: Attack, front: Front) -> None:
    """An attack that takes nothing even from oneself proves nothing. What it does is rolled back."""
    scene = Scene(stage, front, rehearsal=True)
    taken: list[str] = []
    missed: list[str] = []
    for model in scene.models() if row.each_model else [None]:
        with transaction.atomic():
            try:
                loot = judging.strike(row, scene, model)
            except (*REFUSALS, DatabaseError, psycopg.Error) as error:
                missed.append(f"{model}: {type(error).__name__} {error}")
            else:
                (taken if loot else missed).append(str(model))
            transaction.set_rollback(True)
    assert taken, missed


def test_the_matrix_covers_every_workspace_model(stage: Stage) -> None:
    """A table added tomorrow is attacked tomorrow: the stage has a row of each for everybody."""
    for model in workspace_models():
        rows = {stage.row(player, model) for player in stage.players}
        assert len(rows) == 3, model
    assert len(ROWS) >= 48
    assert len(MATRIX) >= 48
    # Otherwise an attack could be "refused" because there was nothing to try it on.
    assert all(Scene(stage, front).models() for _, front in ROWS)


def test_a_leak_is_called_a_leak(stage: Stage) -> None:
    """The judge itself, on the owner's connection, which no policy holds: otherwise 'refused' would mean nothing."""

    @attack(fronts=("workspace",))
    def read_as_owner(scene: Scene, model: type) -> object:
        with connections["owner"].cursor() as cursor:
            cursor.execute(f'SELECT t::text FROM "{model._meta.db_table}" t')  # type: ignore[attr-defined]  # a model
            return scene.loot(cursor.fetchall())

    @attack(fronts=("workspace",), each_model=False)
    def mistyped(scene: Scene) -> object:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELEKT 1")
        return None

    @attack(fronts=("workspace",), writes=True, each_model=False)
    def changed_behind_the_back(scene: Scene) -> object:
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE files_file SET name = 'gone' WHERE workspace_id = %s", [scene.victim.workspace_id])
        return None

    try:
        reading, typing, changing = (judged(row, Scene(stage, "workspace")) for row in MATRIX[-3:])
    finally:
        del MATRIX[-3:]
    assert len(reading.leaks) == reading.tries
    assert "42601" in typing.broken[0]
    assert "no longer what they were" in changing.leaks[0]
    assert not any(outcome.holds for outcome in (reading, typing, changing))
