"""Does an error, a count or a plan tell that another's row exists, without showing it?"""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db import DatabaseError, connection, models, transaction

from accounts.attacks.filling import Player, filled
from accounts.attacks.judging import sql_state
from accounts.attacks.matrix import Scene, answer, attack, children_of, saved, table_of, text_column
from accounts.tenancy.models import new_id


@attack(fronts=("workspace",), writes=True, rehearsed=False)
def unique_value(scene: Scene, model: Any) -> object:
    """A row of one's own with every value of the victim's, and one with values of nobody's: is the answer the same?"""
    nobody = replace(scene.attacker, mark=f"nob{secrets.token_hex(6)}")
    answers = [_verdict(_twin(scene, model, player)) for player in (scene.victim, nobody)]
    return answers[0] != answers[1] and f"answers {answers[0]} to a value that is taken, {answers[1]} to a free one"


def _twin(scene: Scene, model: Any, player: Player) -> Any:
    """Return an unsaved row of the attacker's whose values are the player's."""
    row = filled(model, scene.attacker, scene.stage.rows)
    own = {(player, label): row_id for (owner, label), row_id in scene.stage.rows.items() if owner == scene.attacker}
    theirs = filled(model, player, scene.stage.rows if player in scene.stage.players else own)
    for column in model._meta.concrete_fields:
        if not column.is_relation and column.attname != "workspace_id" and not column.generated:
            setattr(row, column.attname, getattr(theirs, column.attname))
    row.pk = new_id()
    return row


@attack(rehearsed=False, writes=True)
def foreign_key(scene: Scene, model: Any) -> object:
    """A key to the victim's row and a key to no row at all: is the answer the same?"""
    loot = []
    for child, key in children_of(model):
        answers = []
        for target in (scene.target(model), new_id()):
            row = filled(child, scene.attacker, scene.stage.rows)
            row.pk = new_id()
            setattr(row, key.attname, target)
            answers.append(_verdict(row))
        if answers[0] != answers[1]:
            loot.append(f"{child._meta.db_table}.{key.column} answers {answers[0]} if it exists, {answers[1]} if not")
    return "; ".join(loot)


def _verdict(row: Any) -> str:
    """Return the SQL state of inserting the row, or "accepted"; nothing stays."""
    try:
        with transaction.atomic():
            saved(row)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            transaction.set_rollback(True)
    except DatabaseError as error:
        return sql_state(error)
    return "accepted"


@attack(rehearsed=False)
def same_error_for_missing(scene: Scene, model: Any) -> object:
    """UPDATE and DELETE of the victim's id and of no id: are the answers the same?"""
    answers = []
    for target in (scene.target(model), new_id()):
        answers.append(_state_of(f"UPDATE {table_of(model)} SET id = id WHERE id = %s", target))
        answers.append(_state_of(f"DELETE FROM {table_of(model)} WHERE id = %s", target))
    return answers[:2] != answers[2:]


def _state_of(statement: str, target: uuid.UUID) -> str:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [target])
            return str(cursor.rowcount)
    except DatabaseError as error:
        return sql_state(error)


@attack(rehearsed=False)
def plan(scene: Scene, model: Any) -> object:
    """EXPLAIN ANALYZE: how many rows did the policies filter out of the victim's?"""
    column = text_column(model) or "id"
    wanted = f"{scene.victim.mark}%" if column != "id" else str(scene.target(model))
    lines = str(
        answer(
            f'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT 1 FROM {table_of(model)} WHERE "{column}"::text LIKE %s',
            [wanted],
        )
    )
    returned = re.search(r"^\W*\(?.*?actual rows=([0-9.]+)", lines)
    return scene.loot(lines.replace(wanted, "")) or bool(returned and float(returned[1]) > 0)


@attack(rehearsed=False)
def samples_in_plan(scene: Scene, model: Any) -> object:
    """EXPLAIN's estimate for values that only the victim's rows hold: does it differ from the one for nonsense?"""
    loot = []
    for condition, values in _questions(scene, model):
        estimates = [_estimate(f"SELECT 1 FROM {table_of(model)} WHERE {condition}", value) for value in values]
        if len(set(estimates)) > 1:
            loot.append(f"{condition.partition(' %s')[0]} {estimates}")
    return "; ".join(loot)


def _questions(scene: Scene, model: Any) -> Iterator[tuple[str, list[str]]]:
    """Conditions on each column that can hold what people wrote, and values of which some hit and some cannot."""
    mark = scene.victim.mark
    for column in model._meta.concrete_fields:
        name = connection.ops.quote_name(column.column)
        if isinstance(getattr(column, "output_field", None), SearchVectorField):
            yield f"{name} @@ %s::tsquery", [f"'{mark}'", "'nosuchword'", "'another'"]
        elif isinstance(column, models.CharField | models.TextField) and not column.choices:
            whole = f"{mark}-{column.name}"
            # Bisecting "<" finds the values one letter after the other; "=" finds the common ones.
            yield f"{name} < %s", ["!", mark, whole, f"{mark}~", "~~~"]
            yield f"{name} = %s", [f"{whole}7", "no such text at all"]
            # Of one length: without samples the planner goes by the length of a pattern alone.
            yield f"{name} LIKE %s", [f"{mark}%", f"{'~' * len(mark)}%"]
            yield f"{name} %% %s", [whole, "~" * len(whole)]
        elif isinstance(column, models.JSONField):
            yield f"{name} @> %s::jsonb", [json.dumps({"mark": mark}), '{"mark": "no such text"}']
            yield f"{name} < %s::jsonb", [json.dumps({"mark": f"{mark}~"}), '{"mark": "!"}', '{"mark": "~"}']
        elif isinstance(column, models.BinaryField):
            yield f"{name} < %s::bytea", ["\\x00", "\\x80", "\\xff"]


def _estimate(query: str, value: str) -> int:
    found = re.search(r"rows=(\d+)", str(answer(f"EXPLAIN {query}", [value])))
    return int(found[1]) if found else 0
