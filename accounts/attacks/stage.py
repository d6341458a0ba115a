"""On which rows are the attacks tried? Two throw-away workspaces with twins of every row, made and removed by the owner.

Mallory attacks. Alice is a colleague in the same workspace whose rows are private; Victor sits in another workspace,
where his rows are shared with everybody, so that nothing but the workspace protects them.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.db import connections, models, transaction
from django.utils import timezone

from accounts.attacks.filling import Player, filled
from accounts.models import Membership, User, Workspace
from accounts.tenancy.context import whole_workspace
from accounts.tenancy.models import new_id
from accounts.tenancy.proof.models import OWNER_ALIAS, fenced_models

SLUG: Final = "drill-"
"""Begins the slug of every throw-away workspace, so that what a killed run left behind is recognised."""

DRILL_MAIL: Final = "@drill.invalid"
"""Ends the address of everybody of a drill."""

# The trail keeps what is written into it: entries of a drill stay, name the drill's workspace, and age out by class.
KEPT: Final = frozenset({"audit_entry"})

_CROWD: Final = 400
"""How many copies of a victim's row there are while statistics are collected."""


@dataclass(slots=True)
class Stage:
    """Three players, and one row of every workspace model for each."""

    mallory: Player
    alice: Player
    victor: Player
    rows: dict[tuple[Player, str], uuid.UUID] = field(default_factory=dict)

    @property
    def players(self) -> tuple[Player, ...]:
        """Return everybody on the stage."""
        return self.mallory, self.alice, self.victor

    def row(self, player: Player, model: type[models.Model]) -> uuid.UUID:
        """Return the id of the player's row of this model."""
        return self.rows[player, model._meta.label]

    def ids(self, player: Player) -> list[uuid.UUID]:
        """List the ids of all of the player's rows."""
        return [row for (owner, _), row in self.rows.items() if owner == player]


def workspace_models() -> list[type[models.Model]]:
    """List the models whose rows belong to a workspace, each after those that it points at."""
    waiting = [model for model in fenced_models().values() if _has_workspace(model)]
    ordered: list[type[models.Model]] = []
    while waiting:
        ready = [model for model in waiting if not _targets(model) & (set(waiting) - {model})]
        if not ready:
            raise LookupError(f"These models point at each other in a circle: {waiting}.")
        ordered += ready
        waiting = [model for model in waiting if model not in ready]
    return ordered


def attacked_models() -> list[type[models.Model]]:
    """List what is attacked: the above, and the trail, whose policies its migration wrote by hand."""
    from django.apps import apps

    return [*workspace_models(), *(model for model in apps.get_models() if model._meta.db_table in KEPT)]


def _has_workspace(model: type[models.Model]) -> bool:
    return any(column.attname == "workspace_id" for column in model._meta.concrete_fields)


def _targets(model: type[models.Model]) -> set[Any]:
    return {column.related_model for column in model._meta.concrete_fields if column.is_relation}


@contextmanager
def staged() -> Iterator[Stage]:
    """Set the stage and take it down again, whatever happened on it. Commits, as the owner of the tables."""
    sweep()
    stage = set_up()
    try:
        yield stage
    finally:
        take_down([player.workspace_id for player in stage.players], [player.user_id for player in stage.players])


def set_up() -> Stage:
    """Make two workspaces, three members and their rows."""
    red, blue = new_id(), new_id()
    stage = Stage(
        mallory=_player("mallory", red, shares=False),
        alice=_player("alice", red, shares=False),
        victor=_player("victor", blue, shares=True),
    )
    with transaction.atomic(using=OWNER_ALIAS):
        for workspace_id, name in ((red, "Drill Red"), (blue, "Drill Blue")):
            _insert(Workspace(id=workspace_id, name=name, slug=f"{SLUG}{workspace_id.hex}", created_at=timezone.now()))
        for player in stage.players:
            _insert(_user(player))
        for model in attacked_models():
            for player in stage.players:
                row = filled(model, player, stage.rows)
                stage.rows[player, model._meta.label] = row.pk
                with whole_workspace(player.workspace_id):
                    _insert(row)
    _analyse(stage)
    return stage


def _player(name: str, workspace_id: uuid.UUID, *, shares: bool) -> Player:
    mark = f"{name[:3]}{secrets.token_hex(6)}"
    return Player(name, workspace_id, new_id(), new_id(), mark, shares)


def _user(player: Player) -> User:
    return User(
        id=player.user_id,
        email=f"{player.mark}{DRILL_MAIL}",
        display_name=player.mark,
        is_active=True,
        created_at=timezone.now(),
    )


def _insert(row: models.Model) -> None:
    # As a fixture is loaded: a model's own `save` may refuse, and no receiver is to hear of a drill.
    row.save_base(raw=True, using=OWNER_ALIAS, force_insert=True)


def _analyse(stage: Stage) -> None:
    """Collect statistics, as the server does by itself, while the victims have crowds of rows; then the crowds go again.

    A few rows are estimated as one whatever the samples say, so a plan would tell nothing and prove nothing.
    """
    with connections[OWNER_ALIAS].cursor() as cursor, transaction.atomic(using=OWNER_ALIAS):
        for model in workspace_models():
            for player in (stage.alice, stage.victor):
                cursor.execute(_crowd(model), [_CROWD, player.workspace_id, stage.row(player, model)])
        for model in workspace_models():
            cursor.execute(f'ANALYZE "{model._meta.db_table}"')
        for model in reversed(workspace_models()):
            kept = [stage.row(player, model) for player in stage.players]
            cursor.execute(
                f'DELETE FROM "{model._meta.db_table}" WHERE workspace_id = ANY(%s) AND NOT id = ANY(%s)',
                [[player.workspace_id for player in stage.players], kept],
            )


def _crowd(model: type[models.Model]) -> str:
    """Return the statement that makes copies of one row, each text and number another; a unique value has none."""
    columns = [column for column in model._meta.concrete_fields if not column.generated]
    names = ", ".join(f'"{column.column}"' for column in columns)
    values = ", ".join(_copied(column) for column in columns)
    table = model._meta.db_table
    return (
        f'INSERT INTO "{table}" ({names}) SELECT {values} FROM "{table}" t, generate_series(1, %s) AS n '
        "WHERE t.workspace_id = %s AND t.id = %s ON CONFLICT DO NOTHING"
    )


def _copied(column: Any) -> str:
    if column.primary_key:
        return "gen_random_uuid()"
    if isinstance(column, models.CharField | models.TextField) and not column.choices:
        return f'left(t."{column.column}" || n %% 40, {column.max_length or 10**6})'
    if isinstance(column, models.IntegerField) and not column.choices:
        return f't."{column.column}" + n'
    return f't."{column.column}"'


def take_down(workspace_ids: list[uuid.UUID], user_ids: list[uuid.UUID]) -> None:
    """Remove throw-away workspaces with everything in them, what an attack may have added included."""
    with transaction.atomic(using=OWNER_ALIAS), connections[OWNER_ALIAS].cursor() as cursor:
        for model in reversed(workspace_models()):
            cursor.execute(f'DELETE FROM "{model._meta.db_table}" WHERE workspace_id = ANY(%s)', [workspace_ids])
        cursor.execute("DELETE FROM accounts_workspace WHERE id = ANY(%s)", [workspace_ids])
        cursor.execute("DELETE FROM accounts_user WHERE id = ANY(%s)", [user_ids])


def sweep() -> None:
    """Remove what a run that was killed more than an hour ago left behind; a younger one may still be at work."""
    with transaction.atomic(using=OWNER_ALIAS), connections[OWNER_ALIAS].cursor() as cursor:
        who = "SELECT id FROM accounts_user WHERE is_operator AND email LIKE %s AND created_at < now() - interval '1 hour'"
        for table, column in (("visit", "operator_id"), ("operatorsession", "user_id"), ("user", "id")):
            cursor.execute(f"DELETE FROM accounts_{table} WHERE {column} IN ({who})", [f"%{DRILL_MAIL}"])
    old = Workspace.objects.using(OWNER_ALIAS).filter(
        slug__startswith=SLUG, created_at__lt=timezone.now() - timedelta(hours=1)
    )
    workspace_ids = list(old.values_list("id", flat=True))
    if not workspace_ids:
        return
    user_ids: list[uuid.UUID] = []
    for workspace_id in workspace_ids:
        with whole_workspace(workspace_id):
            user_ids += Membership.objects.using(OWNER_ALIAS).values_list("user_id", flat=True)
    take_down(workspace_ids, user_ids)
