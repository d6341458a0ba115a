"""What stays behind on a connection that several requests share, and can the next one profit from it? (L39, L45)

These run outside any transaction: victim and attacker take turns on one connection, as requests of a pool do.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from accounts.attacks.filling import Player
from accounts.attacks.judging import sql_state
from accounts.attacks.matrix import Scene, answer, attack, bare, sql
from accounts.tenancy.context import Binding, CrossWorkspaceTransaction, seal, workspace
from accounts.tenancy.sql import CONTEXT_SETTING

_READ: Final = "SELECT t::text FROM files_file t"


@contextmanager
def busy_session_of(player: Player) -> Iterator[None]:
    """Keep a second session of the same role in the middle of a transaction of the player's."""
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold", "pool"):
        parameters.pop(name, None)
    context = seal(Binding(player.workspace_id, player.membership_id), settings.FENCE_KEY)
    with psycopg.connect(**parameters) as other:
        other.execute(f"SET LOCAL {CONTEXT_SETTING} = '{context}'; {_READ} WHERE '{player.mark}' <> ''")
        yield
        other.rollback()


def _as(player: Player, statement: str) -> list[tuple[Any, ...]]:
    """Run a request of the player's on the attacker's connection."""
    with workspace(player.workspace_id, player.membership_id):
        return answer(statement)


def _unbound(statement: str) -> list[tuple[Any, ...]]:
    """Run a statement of code that forgot to bind anybody, on the same connection; [] if the database refuses it."""
    try:
        return contextvars.Context().run(answer, statement)
    except DatabaseError as error:
        if sql_state(error) != "42501":
            raise
        return []


@attack(each_model=False, rehearsed=False, own_transaction=False)
def context(scene: Scene) -> object:
    """The victim's request; then unbound code asks for the context on the same connection"""
    _as(scene.victim, _READ)
    with workspace(scene.victim.workspace_id, scene.victim.membership_id), transaction.atomic():
        answer(_READ)
    seen = _unbound(f"SELECT current_setting('{CONTEXT_SETTING}', true)")
    return scene.victim.workspace_id.hex in str(seen) or scene.loot(_unbound(_READ))


@attack(each_model=False, rehearsed=False, own_transaction=False)
def statements(scene: Scene) -> object:
    """pg_prepared_statements and pg_cursors after twelve requests of the victim's"""
    for _ in range(12):
        _as(scene.victim, f"{_READ} WHERE '{scene.victim.mark}' <> ''")
    seen = answer("SELECT statement FROM pg_prepared_statements UNION ALL SELECT statement FROM pg_cursors")
    # By the member's id: a colleague's workspace is the attacker's own.
    return scene.loot(seen) or scene.victim.membership_id.hex in str(seen)


@attack(each_model=False, rehearsed=False, own_transaction=False)
def unread_cursor(scene: Scene) -> object:
    """The victim's iterator() is abandoned half way; the attacker fetches from whatever cursor is open"""
    loot = []
    for model in scene.models():
        with workspace(scene.victim.workspace_id, scene.victim.membership_id):
            rows = iter(bare(model).iterator(chunk_size=1))
            next(rows)
        for (name,) in answer("SELECT name FROM pg_cursors"):
            loot.append(answer(f'FETCH ALL FROM "{name}"'))
    return scene.loot(loot)


@attack(each_model=False, rehearsed=False, own_transaction=False)
def unread_results(scene: Scene) -> object:
    """The victim's message has two results and reads one; is the other the attacker's first?"""
    with workspace(scene.victim.workspace_id, scene.victim.membership_id), sql() as cursor:
        cursor.execute(f"SELECT 1; {_READ}")
    return scene.loot(answer("SELECT 1"))


@attack(each_model=False, rehearsed=False, own_transaction=False)
def cancelled_statement(scene: Scene) -> object:
    """The victim's statement is cancelled in the middle; whose answer does the attacker's next one get? (L39)"""
    for _ in range(5):
        try:
            _as(scene.victim, "SET LOCAL statement_timeout = 5; SELECT pg_sleep(1), t::text FROM files_file t")
        except DatabaseError as error:
            if sql_state(error) != "57014":
                raise
        else:
            raise RuntimeError("The victim's statement was not cancelled.")
        loot = scene.loot(answer(_READ))
        if loot:
            return loot
    return None


@attack(each_model=False, rehearsed=False, own_transaction=False)
def failed_transaction(scene: Scene) -> object:
    """The victim's transaction fails and is abandoned; the attacker goes on with it"""
    try:
        with workspace(scene.victim.workspace_id, scene.victim.membership_id), transaction.atomic():
            answer(_READ)
            answer("SELECT 1 / 0")
    except DatabaseError as error:
        if sql_state(error) != "22012":
            raise
    return scene.loot(answer(_READ)) or scene.loot(_unbound(_READ))


@attack(each_model=False, rehearsed=False, own_transaction=False)
def shared_transaction(scene: Scene) -> object:
    """A cursor declared as the victim and fetched as the attacker, in one transaction (measured elsewhere: it leaked)"""
    with transaction.atomic():
        with workspace(scene.victim.workspace_id, scene.victim.membership_id):
            answer(f"DECLARE theirs CURSOR FOR {_READ}")
        try:
            return scene.loot(answer("FETCH ALL FROM theirs"))
        except CrossWorkspaceTransaction:
            return None


@attack(each_model=False, rehearsed=False, own_transaction=False)
def commit_in_the_middle(scene: Scene) -> object:
    """Smuggled `COMMIT`, which ends the SET LOCAL in front of the statement"""
    return _several(f"SELECT 1; COMMIT; {_READ}", scene)


@attack(each_model=False, rehearsed=False, own_transaction=False)
def reset_in_the_middle(scene: Scene) -> object:
    """Smuggled `RESET ALL`"""
    return _several(f"RESET ALL; {_READ}", scene)


def _several(statement: str, scene: Scene) -> str:
    """Run several statements in one message and return the loot of all their results."""
    found: list[object] = []
    with sql() as cursor:
        cursor.execute(statement)
        while True:
            if cursor.description:
                found += cursor.fetchall()
            if not cursor.nextset():
                return scene.loot(found)


@attack(each_model=False, rehearsed=False, own_transaction=False)
def planted_context(scene: Scene) -> object:
    """The attacker's genuine seal set for the whole session: does unbound code then act as the attacker? (L45)"""
    answer(f"SELECT set_config('{CONTEXT_SETTING}', current_setting('{CONTEXT_SETTING}'), false)")
    fallen = _unbound(_READ)
    with transaction.atomic():
        fallen += _unbound(_READ)
    return f"unbound code read {len(fallen)} rows as the attacker" if fallen else None


@attack(each_model=False, rehearsed=False, own_transaction=False)
def planted_context_for_the_next(scene: Scene) -> object:
    """The same; does the victim's next request on this connection see or write the attacker's?"""
    answer(f"SELECT set_config('{CONTEXT_SETTING}', current_setting('{CONTEXT_SETTING}'), false)")
    seen = str(_as(scene.victim, _READ))
    if scene.victim.mark not in seen:
        raise RuntimeError("The victim no longer sees their own rows.")
    return scene.stage.mallory.mark in seen


@attack(each_model=False, rehearsed=False, own_transaction=False)
def planted_settings(scene: Scene) -> object:
    """row_security, search_path and constraints set for the whole session, then the victim's next request"""
    answer("SET row_security = off; SET search_path = pg_temp, public; SET default_transaction_deferrable = on")
    try:
        seen = str(_as(scene.victim, _READ))
    except DatabaseError as error:
        # With row_security off, a policy is an error: the request fails, and shows nothing.
        if sql_state(error) != "42501":
            raise
        seen = ""
    return scene.stage.mallory.mark in seen or scene.loot(_unbound(_READ))


@attack(each_model=False, rehearsed=False, own_transaction=False)
def fresh_thread(scene: Scene) -> object:
    """Work handed to a thread, which starts with nobody bound (L45)"""
    found: list[object] = []

    def read() -> None:
        try:
            found.extend(answer(_READ))
        except DatabaseError as error:
            if sql_state(error) != "42501":
                found.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    return found
