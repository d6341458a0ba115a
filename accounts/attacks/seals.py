"""Forging the context itself: smuggled SQL can set it, and must not be able to make one that is believed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from accounts.attacks.filling import Player
from accounts.attacks.matrix import Scene, answer, attack, sql
from accounts.tenancy.sql import CONTEXT_SETTING

_TABLE: Final = "files_file"


def _payload(player: Player) -> str:
    return f"{player.workspace_id.hex}.{player.membership_id.hex}"


def _own_seal() -> str:
    return str(answer(f"SELECT current_setting('{CONTEXT_SETTING}')")[0][0])


def _use(context: str, scene: Scene) -> str:
    """Put the context in place as smuggled SQL can, and read whatever it opens."""
    answer("SELECT set_config(%s, %s, true)", [CONTEXT_SETTING, context])
    # In one message, as a second statement would be given a good seal again.
    query = f"SET LOCAL {CONTEXT_SETTING} = '{context}'; SELECT t::text FROM {_TABLE} t"
    return scene.loot(_last(query))


def _last(query: str) -> list[tuple[object, ...]]:
    with sql() as cursor:
        cursor.execute(query)
        while cursor.nextset():
            pass
        return list(cursor.fetchall())


@attack(each_model=False, rehearsed=False)
def unsealed(scene: Scene) -> object:
    """The victim's ids, without a seal"""
    return _use(_payload(scene.victim), scene)


@attack(each_model=False, rehearsed=False)
def empty_seal(scene: Scene) -> object:
    """The victim's ids and a dot"""
    return _use(_payload(scene.victim) + ".", scene)


@attack(each_model=False, rehearsed=False)
def own_seal_on_their_ids(scene: Scene) -> object:
    """The victim's ids with the attacker's own, genuine seal"""
    return _use(f"{_payload(scene.victim)}.{_own_seal()[-64:]}", scene)


@attack(each_model=False, rehearsed=False)
def whole_workspace(scene: Scene) -> object:
    """One's own workspace and `*` for the member, with one's own seal"""
    return _use(f"{scene.victim.workspace_id.hex}.*.{_own_seal()[-64:]}", scene)


@attack(each_model=False, rehearsed=False)
def their_ids_before_own_context(scene: Scene) -> object:
    """The victim's ids in front of one's own whole, genuine context"""
    return _use(f"{_payload(scene.victim)}.{_own_seal()}", scene)


@attack(each_model=False, rehearsed=False)
def their_ids_behind_own_context(scene: Scene) -> object:
    """One's own genuine context with the victim's ids behind it"""
    return _use(f"{_own_seal()}.{_payload(scene.victim)}", scene)


@attack(each_model=False, rehearsed=False)
def seal_without_key(scene: Scene) -> object:
    """The seal computed as the database computes it, with an empty key"""
    payload = _payload(scene.victim)
    inner = hashlib.sha256(payload.encode()).digest()
    return _use(f"{payload}.{hashlib.sha256(inner).hexdigest()}", scene)


@attack(each_model=False, rehearsed=False)
def extended_hash(scene: Scene) -> object:
    """The seal of a guessed key; length extension fails as the hash is keyed twice"""
    payload = _payload(scene.victim)
    inner = hashlib.sha256(b"\0" * 32 + payload.encode()).digest()
    return _use(f"{payload}.{hashlib.sha256(b'0' * 32 + inner).hexdigest()}", scene)


@attack(each_model=False, rehearsed=False)
def upper_case(scene: Scene) -> object:
    """One's own context in capitals: another text, and the same ids"""
    loot = _use(_own_seal().upper(), scene)
    return loot or f"accepted a context that nobody sealed ({scene.attacker.name})"


@attack(each_model=False, rehearsed=False)
def their_context_from_other_session(scene: Scene) -> object:
    """pg_stat_activity: the last statement of another session of the same role, its context included"""
    from accounts.attacks.leftovers import busy_session_of

    with busy_session_of(scene.victim):
        seen = answer("SELECT query, application_name FROM pg_stat_activity")
    return scene.victim.workspace_id.hex in str(seen) or scene.loot(seen)


@attack(each_model=False, rehearsed=False)
def read_the_key(scene: Scene) -> object:
    """SELECT key FROM fence.context_key"""
    return answer("SELECT key FROM fence.context_key")


@attack(each_model=False, rehearsed=False)
def ask_the_verifier(scene: Scene) -> object:
    """SELECT fence.verified_payload(), which only the other functions may call"""
    return answer("SELECT fence.verified_payload()")


def _replacing(name: str, statement: str) -> Callable[[Scene], object]:
    def strike(scene: Scene) -> object:
        answer(statement)
        return True

    strike.__name__, strike.__module__ = name, __name__
    strike.__doc__ = " ".join(statement.split())
    return strike


for _name, _statement in {
    "replace the function": "CREATE OR REPLACE FUNCTION fence.current_workspace() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    "shadow the function": "CREATE FUNCTION public.current_workspace() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    "write the key": "UPDATE fence.context_key SET key = sha256('mine')",
    "drop the function": "DROP FUNCTION fence.current_workspace() CASCADE",
    "grant the verifier": "GRANT EXECUTE ON FUNCTION fence.verified_payload() TO aiaxis_app",
}.items():
    attack(each_model=False, fronts=("workspace",), rehearsed=False)(_replacing(_name.replace(" ", "_"), _statement))
