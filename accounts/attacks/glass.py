"""Using an operator's visit that is not open, not one's own or not for this workspace; and writing through one that is. (P9)

Whoever attacks here holds what the application itself holds while it serves an operator: it can seal a context for any visit.
What such a context opens is the database's to say. An operator of the drill can sign in nowhere, and approves nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Model

from accounts.attacks.filling import filled
from accounts.attacks.matrix import Scene, answer, attack, bare, saved, sql, table_of, text_column
from accounts.attacks.stage import DRILL_MAIL
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.context import Binding, Glass, current, seal, through_glass
from accounts.tenancy.models import new_id
from accounts.tenancy.proof.models import OWNER_ALIAS
from accounts.tenancy.sql import CONTEXT_SETTING

_READ: Final = "SELECT t::text FROM files_file t"
_READ_ONLY: Final = "25006"


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit of the drill: its id, the session that it is open in, and one of another operator."""

    id: uuid.UUID
    session: uuid.UUID
    other_session: uuid.UUID


@contextmanager
def _visit(workspace_id: uuid.UUID, spoiling: str = "") -> Iterator[Visit]:
    """An open visit to the workspace, committed by the tables' owner; then `spoiling`, which may name its id and session."""
    visit = Visit(new_id(), new_id(), new_id())
    operators = {visit.session: new_id(), visit.other_session: new_id()}
    try:
        with transaction.atomic(using=OWNER_ALIAS), connections[OWNER_ALIAS].cursor() as cursor:
            for session, operator in operators.items():
                cursor.execute(
                    "INSERT INTO accounts_user (id, email, display_name, is_active, is_operator, created_at) "
                    "VALUES (%s, %s, 'Drill', true, true, now())",
                    [operator, f"{operator.hex}{DRILL_MAIL}"],
                )
                cursor.execute(
                    "INSERT INTO accounts_operatorsession (id, user_id, token_hash, provider, subject, identity_session, "
                    "method, signed_in_at, expires_at) VALUES (%s, %s, %s, 'drill', '', '', '', now(), now() + interval '1 hour')",
                    [session, operator, session.bytes * 2],
                )
            cursor.execute(
                "INSERT INTO accounts_visit (id, workspace_id, operator_id, operator_name, session_id, reason, ticket, minutes, "
                "asked_at, until, opened_at, approved_name, ending, closed_name, pages) VALUES (%s, %s, %s, 'Drill', %s, 'Drill', "
                "'Drill', 15, now(), now() + interval '15 minutes', now(), '', '', '', 0)",
                [visit.id, workspace_id, operators[visit.session], visit.session],
            )
            if spoiling:
                cursor.execute(spoiling, {"visit": visit.id, "session": visit.session})
        yield visit
    finally:
        with transaction.atomic(using=OWNER_ALIAS), connections[OWNER_ALIAS].cursor() as cursor:
            cursor.execute("DELETE FROM accounts_visit WHERE id = %s", [visit.id])
            cursor.execute("DELETE FROM accounts_operatorsession WHERE id = ANY(%s)", [list(operators)])
            cursor.execute("DELETE FROM accounts_user WHERE id = ANY(%s)", [list(operators.values())])


@contextmanager
def _looking(workspace_id: uuid.UUID) -> Iterator[None]:
    """Run the block by a visit that is open for this workspace."""
    with _visit(workspace_id) as visit, through_glass(workspace_id, visit=visit.id, session=visit.session):
        yield


def _look(scene: Scene, visit: Visit, session: uuid.UUID) -> object:
    """Read the victim's files by the visit, as the operators' pages would."""
    with through_glass(scene.victim.workspace_id, visit=visit.id, session=session):
        return scene.loot(answer(_READ))


def _spoiled(name: str, sentence: str, spoiling: str) -> None:
    """Enlist the use of a visit that was open until something happened. In the rehearsal nothing does, and it reads."""

    def strike(scene: Scene) -> object:
        with _visit(scene.victim.workspace_id, "" if scene.rehearsal else spoiling) as visit:
            return _look(scene, visit, visit.session)

    strike.__name__, strike.__module__, strike.__doc__ = name, __name__, sentence
    attack(each_model=False, fronts=("workspace",), own_transaction=False)(strike)


_BACK: Final = "UPDATE accounts_visit SET asked_at = asked_at - m, opened_at = opened_at - m, until = until - m FROM (SELECT interval '15 minutes' AS m) s WHERE id = %(visit)s"
_OPERATOR: Final = (
    "UPDATE accounts_user SET {} WHERE id = (SELECT user_id FROM accounts_operatorsession WHERE id = %(session)s)"
)
for _name, _sentence, _spoiling in (
    ("expired", "A visit whose time is over, and whose end nobody has written down", _BACK),
    ("unapproved", "A visit that no second operator approved", "UPDATE accounts_visit SET opened_at = NULL WHERE id = %(visit)s"),
    ("closed", "A visit that was closed before its time", "UPDATE accounts_visit SET closed_at = now() WHERE id = %(visit)s"),
    ("signed out", "A visit whose operator signed out", "UPDATE accounts_operatorsession SET revoked_at = now() WHERE id = %(session)s"),
    ("session over", "A visit whose operator's session ran out", "UPDATE accounts_operatorsession SET expires_at = now() WHERE id = %(session)s"),
    ("no operator", "A visit whose operator is none any more", _OPERATOR.format("is_operator = false")),
    ("shut out", "A visit whose operator's account was closed", _OPERATOR.format("is_active = false")),
    ("never asked for", "A visit that there is no row of", "DELETE FROM accounts_visit WHERE id = %(visit)s"),
):  # fmt: skip
    _spoiled(_name.replace(" ", "_"), _sentence, _spoiling)


@attack(each_model=False, fronts=("workspace",), own_transaction=False)
def another_operators(scene: Scene) -> object:
    """An open visit, in the session of another operator"""
    with _visit(scene.victim.workspace_id) as visit:
        return _look(scene, visit, visit.session if scene.rehearsal else visit.other_session)


@attack(each_model=False, fronts=("workspace",), own_transaction=False)
def another_workspaces(scene: Scene) -> object:
    """A visit that is open for one's own workspace, with the victim's workspace in the context"""
    with _visit(scene.attacker.workspace_id) as visit:
        return _look(scene, visit, visit.session)


@attack(fronts=("workspace",), own_transaction=False)
def everything_elsewhere(scene: Scene, model: type[Model]) -> object:
    """SELECT * through a visit that is open for one's own workspace"""
    with _looking(scene.attacker.workspace_id):
        return scene.loot(answer(f"SELECT t::text FROM {table_of(model)} t"))


@attack(fronts=("workspace",), rehearsed=False, own_transaction=False)
def credentials(scene: Scene, model: type[Model]) -> object:
    """Through a visit open for the victim: whatever has a member's rule and is no content: sessions, keys, exports"""
    if not _is_closed(model):
        return None
    with _looking(scene.victim.workspace_id):
        return scene.loot(answer(f"SELECT t::text FROM {table_of(model)} t"))


def _is_closed(model: type[Model]) -> bool:
    """Has the table a rule for members that neither lets a visit in nor asks a table that does?"""
    rules = [rule.read for rule in model._meta.constraints if isinstance(rule, MemberPolicy)]
    return bool(rules) and not any("{glass}" in read or "EXISTS" in read for read in rules)


Change = Callable[[Scene, Any], object]


def _writing(change: Change) -> None:
    """Enlist a change of the victim's rows through a visit that is open for the victim's workspace."""

    def strike(scene: Scene, model: type[Model]) -> object:
        with _looking(scene.victim.workspace_id):
            return change(scene, model)

    strike.__name__, strike.__module__, strike.__doc__ = change.__name__, __name__, change.__doc__
    attack(fronts=("workspace",), writes=True, rehearsed=False, own_transaction=False, also_refused=(_READ_ONLY,))(
        strike
    )


@_writing
def orm_update(scene: Scene, model: Any) -> object:
    """QuerySet.update through an open visit"""
    column = text_column(model)
    change = {column: "x"} if column else {"workspace_id": scene.victim.workspace_id}
    return bare(model).filter(pk=scene.target(model)).update(**change)


@_writing
def orm_delete(scene: Scene, model: Any) -> object:
    """DELETE through an open visit"""
    return answer(f"DELETE FROM {table_of(model)} WHERE id = %s RETURNING id", [scene.target(model)])


@_writing
def orm_insert(scene: Scene, model: Any) -> object:
    """A row of one's own in the victim's workspace, through an open visit"""
    row = filled(model, scene.victim, scene.stage.rows)
    saved(row)
    return row.pk


@_writing
def raw_update_in_another_transaction(scene: Scene, model: Any) -> object:
    """COMMIT, BEGIN READ WRITE, the visit's own genuine context put back, UPDATE"""
    context = seal(current(), settings.FENCE_KEY)
    statement = (
        f"COMMIT; BEGIN READ WRITE; SET LOCAL {CONTEXT_SETTING} = '{context}'; "
        f"UPDATE {table_of(model)} SET workspace_id = workspace_id WHERE id = '{scene.target(model)}' RETURNING id"
    )
    with sql() as cursor:
        cursor.execute(statement)
        while cursor.nextset():
            pass
        found = cursor.fetchall() if cursor.description else []
        cursor.execute("ROLLBACK")
        return found


@attack(each_model=False, fronts=("workspace",), rehearsed=False, own_transaction=False)
def forged(scene: Scene) -> object:
    """An open visit's ids in the context, with the attacker's own seal"""
    with _visit(scene.victim.workspace_id) as visit:
        (own,) = answer(f"SELECT current_setting('{CONTEXT_SETTING}')")
        good = seal(Binding(scene.victim.workspace_id, None, Glass(visit.id, visit.session)), b"guessed" * 8)
        query = f"SET LOCAL transaction_read_only = on; SET LOCAL {CONTEXT_SETTING} = '{good[:-64]}{str(own[0])[-64:]}'; {_READ}"
        with sql() as cursor:
            cursor.execute(query)
            while cursor.nextset():
                pass
            return scene.loot(cursor.fetchall())


@attack(each_model=False, fronts=("workspace",), rehearsed=False)
def ask_the_judge(scene: Scene) -> object:
    """SELECT fence.visit_is_open(…), which only the verifier may call"""
    return answer("SELECT fence.visit_is_open(%s, %s, %s)", [new_id(), new_id(), scene.victim.workspace_id])


@attack(each_model=False, fronts=("workspace",), rehearsed=False)
def unsealed_claims(scene: Scene) -> object:
    """SELECT fence.glass_act(…) with one's own context for claims"""
    (own,) = answer(f"SELECT current_setting('{CONTEXT_SETTING}')")
    return answer("SELECT fence.glass_act(%s)", [own[0]])


@attack(each_model=False, fronts=("workspace",), rehearsed=False)
def a_visit_of_ones_own(scene: Scene) -> object:
    """INSERT INTO accounts_visit a row that says it is open"""
    return answer(
        "INSERT INTO accounts_visit SELECT (jsonb_populate_record(v, jsonb_build_object('workspace_id', %s::text))).* "
        "FROM accounts_visit v RETURNING id",
        [str(scene.victim.workspace_id)],
    )
