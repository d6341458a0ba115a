"""Was an attack refused, did it take something, or did it only fail?

An attack that fails for a reason of its own (a typing mistake in its SQL, say) would look like a refusal for ever. So
only errors that the fence raises count as refusals; any other is reported like a leak.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import DatabaseError, connection, connections, models, transaction
from django.http import Http404

from accounts.attacks import stage as staging
from accounts.attacks.filling import Player
from accounts.attacks.matrix import MATRIX, Attack, Scene, keys_of
from accounts.attacks.stage import Stage, attacked_models, workspace_models
from accounts.tenancy.context import CrossWorkspaceTransaction, NoWorkspace
from accounts.tenancy.models import ForeignRow
from accounts.tenancy.proof.models import OWNER_ALIAS

REFUSALS: Final = (
    NoWorkspace,
    ForeignRow,
    CrossWorkspaceTransaction,
    ObjectDoesNotExist,
    Http404,
    # What a form says to an id that is not among its choices.
    ValidationError,
)
REFUSING_STATES: Final = frozenset(
    {
        "42501",  # insufficient privilege: a missing grant, a policy, or the seal's own check
        "23503",  # foreign key violation: the composite key
    }
)


@dataclass(slots=True)
class Outcome:
    """What came of one attack on one front: how often it was tried, what it took, and where it broke."""

    attack: Attack
    scene: Scene
    tries: int = 0
    leaks: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return what was tried, with its group."""
        return f"{self.attack.group}: {self.attack.name}"

    @property
    def holds(self) -> bool:
        """Say whether every try was refused."""
        return not self.leaks and not self.broken


def attack_everything(progress: Callable[[Outcome], None] | None = None) -> list[Outcome]:
    """Set the stage, try every attack on every front, take the stage down. Raises `django.db.Error` if it cannot."""
    outcomes = []
    with staging.staged() as stage:
        for attack in MATRIX:
            for front in attack.fronts:
                outcomes.append(judged(attack, Scene(stage, front)))
                if progress:
                    progress(outcomes[-1])
    return outcomes


def judged(attack: Attack, scene: Scene) -> Outcome:
    """Try one attack, on each model if it is of that kind."""
    outcome = Outcome(attack, scene)
    before = _picture(scene) if attack.writes else {}
    for model in scene.models() if attack.each_model else [None]:
        outcome.tries += 1
        _try(attack, scene, model, f"{model._meta.db_table}: " if model else "", outcome)
    after = _picture(scene) if attack.writes else {}
    changed = sorted(place for place in before if before[place] != after[place])
    outcome.leaks += [f"{place}: the victim's rows are no longer what they were" for place in changed]
    if changed:
        _restore(scene.stage)
    return outcome


def _try(attack: Attack, scene: Scene, model: type[models.Model] | None, where: str, outcome: Outcome) -> None:
    if not attack.own_transaction:
        # It is about what its own victim leaves behind, and not about what an earlier attack did.
        connection.close()
    try:
        loot = strike(attack, scene, model)
    except REFUSALS:
        return
    except (DatabaseError, psycopg.Error) as error:
        if sql_state(error) not in REFUSING_STATES | attack.also_refused:
            outcome.broken.append(f"{where}{type(error).__name__} {sql_state(error)}: {str(error).splitlines()[0]}")
    except Exception as error:  # noqa: BLE001 - whatever an attack raises is its result, and is reported
        outcome.broken.append(f"{where}{type(error).__name__}: {error}")
    else:
        if loot:
            outcome.leaks.append(f"{where}{loot}"[:300])
    finally:
        if not attack.own_transaction:
            # The next attack must not profit from what this one left on the connection.
            connection.close()


def strike(attack: Attack, scene: Scene, model: type[models.Model] | None) -> object:
    """Run the attack as the attacker, in a transaction of its own unless it wants none.

    Only what writes to the stage's own rows is committed: should a statement that nobody may run be let through, it
    must not empty a real table.
    """
    arguments = (scene, model) if attack.each_model else (scene,)
    with scene.entered(), transaction.atomic() if attack.own_transaction else nullcontext():
        loot = attack.strike(*arguments)
        if attack.own_transaction and not attack.writes:
            transaction.set_rollback(True)
        return loot


def sql_state(error: BaseException) -> str:
    """Return PostgreSQL's five characters for an error, wrapped by Django or not, or nothing."""
    return str(getattr(error.__cause__ or error, "sqlstate", "") or "")


def _picture(scene: Scene) -> dict[str, str]:
    """Return how the victim's rows look, and how many rows of others point at them, as the owner sees it."""
    victim = scene.victim
    parts: list[str] = []
    parameters: list[Any] = []
    for model in attacked_models():
        _add_rows(parts, parameters, model, scene, victim)
    for model in workspace_models():
        for key in keys_of(model):
            parts.append(
                f"SELECT '{model._meta.db_table}.{key.column}', count(*)::text FROM \"{model._meta.db_table}\" "
                f'WHERE "{key.column}" = ANY(%s) AND NOT id = ANY(%s)'
            )
            parameters += [_with_membership(scene, victim), scene.stage.ids(victim)]
    with connections[OWNER_ALIAS].cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        return dict(cursor.fetchall())


def _add_rows(parts: list[str], parameters: list[Any], model: type[models.Model], scene: Scene, victim: Player) -> None:
    table = model._meta.db_table
    rows = (
        f"SELECT '{table}', coalesce(md5(string_agg(t::text, '|' ORDER BY t.id::text)), '') FROM \"{table}\" t WHERE "
    )
    if scene.front == "workspace":
        parts.append(rows + "t.workspace_id = %s")
        parameters.append(victim.workspace_id)
    else:
        parts.append(rows + "t.id = ANY(%s)")
        parameters.append(scene.stage.ids(victim))


def _with_membership(scene: Scene, victim: Player) -> list[uuid.UUID]:
    return [*scene.stage.ids(victim), victim.membership_id]


def _restore(stage: Stage) -> None:
    """Make the stage anew in place, so that the attacks after a leak find what they look for."""
    staging.take_down([player.workspace_id for player in stage.players], [player.user_id for player in stage.players])
    again = staging.set_up()
    stage.mallory, stage.alice, stage.victor, stage.rows = again.mallory, again.alice, again.victor, again.rows
