"""How is a row of any workspace model made, so that a table added tomorrow is attacked tomorrow?"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import models
from django.utils import timezone

from accounts.models import Membership, User
from accounts.tenancy.models import WorkspaceForeignKey, new_id


@dataclass(frozen=True, slots=True)
class Player:
    """Somebody on the stage. `mark` stands in every text of theirs, and nowhere else in the database."""

    name: str
    workspace_id: uuid.UUID
    membership_id: uuid.UUID
    user_id: uuid.UUID
    mark: str
    shares: bool
    """Whether the rows are visible to the player's whole workspace."""


Rows = Mapping[tuple[Player, str], uuid.UUID]

# Choices for which the first one would hide a row from those who could otherwise see it, or start some work.
_CHOSEN: Final = {"retention": "d30", "status": None}
# Columns that the database takes in no other letters.
_HEXADECIMAL: Final = frozenset({"fingerprint"})


def filled(model: type[models.Model], player: Player, rows: Rows) -> models.Model:
    """Return an unsaved row of `model` that belongs to `player` and whose texts all carry the player's mark.

    Keys to other rows point at the player's own, which must have been made before.
    """
    values = {}
    for field in model._meta.concrete_fields:
        value = _value(field, player, rows)
        if value is not None:
            values[field.attname] = value
    return model(**values)


def _value(field: Any, player: Player, rows: Rows) -> object:
    if isinstance(field, models.GeneratedField):
        return None
    if field.primary_key:
        return player.membership_id if field.model is Membership else new_id()
    if field.name in {"workspace", "workspace_id"}:
        return player.workspace_id
    if field.is_relation:
        return _related(field, player, rows)
    if field.name == "visibility":
        return "workspace" if player.shares else "private"
    if field.choices:
        return _CHOSEN.get(field.name) or field.choices[0][0]
    if _is_text(field):
        return _text(field, player)
    if field.null:
        return None
    if field.has_default():
        return field.get_default()
    return _plain(field, player)


def _related(field: Any, player: Player, rows: Rows) -> object:
    target = field.related_model
    if target is Membership:
        return player.membership_id
    if target is User:
        return player.user_id
    if isinstance(field, WorkspaceForeignKey) and (player, target._meta.label) in rows:
        return rows[player, target._meta.label]
    if field.null:
        return None
    raise LookupError(f"{field} points at {target._meta.label}, of which the stage has no row yet.")


def _is_text(field: Any) -> bool:
    return isinstance(field, models.CharField | models.TextField) and not (field.null and _is_unique(field))


def _is_unique(field: Any) -> bool:
    """Would a second row with the same text be refused for that alone?"""
    rules = [rule for rule in field.model._meta.constraints if isinstance(rule, models.UniqueConstraint)]
    return field.unique or any(field.name in rule.fields for rule in rules)


def _text(field: Any, player: Player) -> str:
    if field.name in _HEXADECIMAL:
        return hashlib.sha256(f"{player.mark}{field.name}".encode()).hexdigest()[: field.max_length]
    text = f"{player.mark}@drill.invalid" if isinstance(field, models.EmailField) else f"{player.mark}-{field.name}"
    return text[: field.max_length] if field.max_length else text


def _plain(field: Any, player: Player) -> object:
    if getattr(field, "dimensions", None):
        return [0.1] * field.dimensions
    if isinstance(field, models.DateTimeField):
        return timezone.now()
    if isinstance(field, models.UUIDField):
        return new_id()
    if isinstance(field, models.JSONField):
        return {"mark": player.mark}
    if isinstance(field, models.BinaryField):
        return hashlib.sha256(f"{player.mark}{field.name}".encode()).digest()
    for kind, value in _CONSTANTS:
        if isinstance(field, kind):
            return value
    raise LookupError(f"The stage knows no value for {field} ({type(field).__name__}).")


_CONSTANTS: Final[tuple[tuple[type, object], ...]] = (
    (models.BooleanField, False),
    (models.FloatField, 0.5),
    (models.IntegerField, 0),
    # Long ago: what a trigger counts under today's date is another row.
    (models.DateField, date(2000, 1, 1)),
    (models.GenericIPAddressField, "192.0.2.7"),
)
