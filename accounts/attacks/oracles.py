"""Does an error, a count or a plan tell that another's row exists, without showing it?"""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, connection, transaction

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
    """EXPLAIN's estimate for a value that only the victim's rows hold: is it larger than for nonsense?"""
    column = text_column(model)
    if not column:
        return None
    estimates = []
    for value in (f"{scene.victim.mark}-{column}", "no such text"):
        lines = str(answer(f'EXPLAIN SELECT 1 FROM {table_of(model)} WHERE "{column}" = %s', [value]))
        found = re.search(r"rows=(\d+)", lines)
        estimates.append(int(found[1]) if found else 0)
    return estimates[0] > estimates[1] and f"estimates {estimates}"
