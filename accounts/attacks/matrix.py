"""What is an attack, on whom is it tried, and where is the list of all of them?"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from accounts.attacks.filling import Player
from accounts.attacks.stage import Stage, attacked_models, workspace_models
from accounts.policies import KEEPS
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.context import workspace
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

Front = Literal["workspace", "member"]
FRONTS: Final[tuple[Front, ...]] = ("workspace", "member")


@dataclass(frozen=True, slots=True)
class Scene:
    """Who attacks whom. In a rehearsal both are the victim, and every attack has to succeed."""

    stage: Stage
    front: Front
    rehearsal: bool = False

    @property
    def victim(self) -> Player:
        """Return whose rows are wanted: a stranger's, or a colleague's private ones."""
        return self.stage.victor if self.front == "workspace" else self.stage.alice

    @property
    def attacker(self) -> Player:
        """Return as whom the attack runs."""
        return self.victim if self.rehearsal else self.stage.mallory

    def models(self) -> list[type[Model]]:
        """List what is attacked: everything of a stranger's; of a colleague's what a member policy makes private."""
        if self.front == "workspace":
            return attacked_models()
        return [model for model in workspace_models() if _is_private(model)]

    def children_of(self, model: type[Model]) -> list[tuple[type[Model], Any]]:
        """List the models that point at this one, each with its key: those of which the attacker may read no row."""
        return [(child, key) for child, key in children_of(model) if self.front == "workspace" or not _is_kept(child)]

    def target(self, model: type[Model]) -> uuid.UUID:
        """Return the id of the victim's row, which the attacker is supposed to have got hold of."""
        return self.stage.row(self.victim, model)

    def own(self, model: type[Model]) -> uuid.UUID:
        """Return the id of a row that the attacker has every right to."""
        return self.stage.row(self.attacker, model)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Bind the attacker, as the middleware would for the attacker's own request."""
        with workspace(self.attacker.workspace_id, self.attacker.membership_id):
            yield

    def loot(self, found: object) -> str:
        """Return what of the victim's stands in `found`: the mark, or the id of a row, or nothing."""
        text = str(found)
        if self.victim.mark in text:
            return self.victim.mark
        return next((str(row) for row in self.stage.ids(self.victim) if str(row) in text or row.hex in text), "")


Strike = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to try. `strike` takes a scene, and a model if the attack is tried on each; it returns the loot."""

    name: str
    sentence: str
    group: str
    strike: Strike
    each_model: bool
    fronts: tuple[Front, ...]
    writes: bool
    """Whether it could change the victim's rows, so that these are compared before and after."""
    rehearsed: bool
    """Whether it would succeed against oneself. What nobody may do at all cannot be rehearsed."""
    own_transaction: bool
    """Whether the judge wraps it in a transaction and commits; attacks on what stays between requests want none."""
    also_refused: frozenset[str]
    """SQL states that mean "refused" for this attack, besides those that always do."""


MATRIX: Final[list[Attack]] = []


def attack(
    *,
    fronts: tuple[Front, ...] = FRONTS,
    each_model: bool = True,
    writes: bool = False,
    rehearsed: bool = True,
    own_transaction: bool = True,
    also_refused: tuple[str, ...] = (),
) -> Callable[[Strike], Strike]:
    """Put the function on the matrix. Its name is the attack's, its docstring the sentence in the report."""

    def enlist(strike: Strike) -> Strike:
        group = strike.__module__.rpartition(".")[2].rstrip("_")
        name = strike.__name__.replace("_", " ").strip()
        if any(known.name == name and known.group == group for known in MATRIX):
            raise ValueError(f"Two attacks are named {group}: {name}.")
        sentence = (strike.__doc__ or "").strip().split("\n")[0]
        MATRIX.append(
            Attack(
                name,
                sentence,
                group,
                strike,
                each_model,
                fronts,
                writes,
                rehearsed,
                own_transaction,
                frozenset(also_refused),
            )
        )
        return strike

    return enlist


def text_column(model: type[Model]) -> str | None:
    """Return the name of a column of this model in which the mark stands, or None."""
    for column in model._meta.concrete_fields:
        is_text = isinstance(column, models.CharField | models.TextField) and not isinstance(column, models.EmailField)
        if is_text and not column.choices and not column.primary_key:
            return column.attname
    return None


def keys_of(model: type[Model]) -> list[Any]:
    """List the model's keys to rows of the same workspace."""
    return [column for column in model._meta.concrete_fields if isinstance(column, WorkspaceForeignKey)]


def _is_private(model: type[Model]) -> bool:
    return any(isinstance(rule, MemberPolicy) for rule in model._meta.constraints) and not _is_kept(model)


def _is_kept(model: type[Model]) -> bool:
    """Are a colleague's rows for whoever keeps the workspace to read, as the attacker does, who is an owner?"""
    return any(isinstance(rule, MemberPolicy) and KEEPS in rule.read for rule in model._meta.constraints)


def children_of(model: type[Model]) -> list[tuple[type[Model], Any]]:
    """List the models that point at this one, each with the key by which it does."""
    return [(child, key) for child in workspace_models() for key in keys_of(child) if key.related_model is model]


def keys_between(scene: Scene, model: type[Model]) -> list[Any]:
    """List the model's keys to what is attacked; that a colleague is a member, say, is no secret between members."""
    return [key for key in keys_of(model) if key.related_model in scene.models()]


def accessor_of(key: Any) -> str | None:
    """Return the name under which the target of a key offers its children, or None if it offers none."""
    name = key.remote_field.get_accessor_name()
    return None if name is None or name.endswith("+") else str(name)


def saved(row: Model) -> None:
    """Insert a row as the ORM would, past a `save` that refuses by itself: the database has to."""
    if isinstance(row, WorkspaceModel):
        row.save(force_insert=True)
    else:
        row.save_base(force_insert=True)


def bare(model: Any) -> Any:
    """Return a QuerySet that knows the model and none of its managers: only the database is in the way."""
    return models.QuerySet(model)


def table_of(model: type[Model]) -> str:
    """Return the quoted name of the model's table."""
    return connection.ops.quote_name(model._meta.db_table)


@contextmanager
def sql() -> Iterator[CursorWrapper]:
    """Open a cursor of the role that serves requests: where smuggled SQL would run."""
    with connection.cursor() as cursor:
        yield cursor


def answer(statement: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement there and return its rows, or an empty list if it has none."""
    with sql() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall()) if cursor.description else []
