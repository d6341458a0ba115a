"""What does every model of a workspace inherit, so that no query can forget the fence?"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar, cast

import uuid_utils.compat
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression
from django.db.models.lookups import Exact
from django.db.models.signals import class_prepared
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.where import AND, WhereNode

from accounts.tenancy.constraints import CompositeForeignKey, OwnedForeignKey, RowLevelSecurity
from accounts.tenancy.context import current_workspace_id

_ACTIONS = {models.CASCADE: "CASCADE", models.SET_NULL: "SET_NULL", models.PROTECT: "PROTECT"}


def new_id() -> uuid.UUID:
    """Return a UUIDv7: ordered by time (so inserts stay cheap and lists newest-first) and impossible to guess."""
    return uuid_utils.compat.uuid7()


class CurrentWorkspace(Expression):
    """The bound workspace, read when the SQL is compiled, not when the queryset is written.

    So a queryset made at import (a form's choices, say) is fenced anew by each later request, and every way of
    running it raises NoWorkspace when nothing is bound.
    """

    def __init__(self) -> None:
        super().__init__(output_field=models.UUIDField())

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Return a placeholder and the bound workspace's id."""
        return "%s", (current_workspace_id(),)


RowType_co = TypeVar("RowType_co", bound="WorkspaceModel", covariant=True)


class TenantQuerySet(models.QuerySet[RowType_co]):
    """A queryset whose bulk inserts are stamped with, and held to, the bound workspace."""

    def bulk_create(self, objs: Iterable[RowType_co], *args: Any, **kwargs: Any) -> list[RowType_co]:
        """Insert the rows into the bound workspace; raise ForeignRow if one belongs elsewhere."""
        rows = list(objs)
        workspace_id = current_workspace_id()
        for row in rows:
            row.stamp(workspace_id)
        return super().bulk_create(rows, *args, **kwargs)


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]  # made at run time
    """Default and base manager of every workspace model: no queryset of it leaves the bound workspace."""

    use_in_migrations = False

    def get_queryset(self) -> TenantQuerySet[Any]:
        """Return the rows of whatever workspace is bound when the query runs."""
        return super().get_queryset().filter(workspace_id=CurrentWorkspace())  # type: ignore[no-any-return]  # made at run time


class ForeignRow(RuntimeError):
    """A row of one workspace was about to be written while another is bound."""


class WorkspaceForeignKey(models.ForeignKey):  # type: ignore[type-arg]  # generic only in the stubs
    """A foreign key to a row of the same workspace.

    Column, joins and lookups carry the workspace; the database constraint and its ON DELETE action are a
    CompositeForeignKey. Single-column constraints and indexes are left out on purpose: measured, they made joins
    4.3 times slower under row-level security.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        self.database_action = _ACTIONS[on_delete]
        self._declared_on_delete = on_delete
        kwargs["db_constraint"] = False
        kwargs["db_index"] = False
        super().__init__(to, models.DO_NOTHING, **kwargs)

    def deconstruct(self) -> Any:
        """Return what a migration needs to make this field again."""
        name, path, args, kwargs = super().deconstruct()
        kwargs["on_delete"] = self._declared_on_delete
        kwargs.pop("db_constraint", None)
        kwargs.pop("db_index", None)
        return name, path, args, kwargs

    def get_extra_descriptor_filter(self, instance: models.Model) -> dict[str, Any]:
        """Look a related row up by its workspace too."""
        return {"workspace_id": instance.workspace_id}  # type: ignore[attr-defined]  # every WorkspaceModel has one

    def get_extra_restriction(self, alias: str, related_alias: str | None) -> WhereNode | None:
        """Join on the workspace as well as on the id, so that `(workspace, id)` serves the join."""
        if not alias or not related_alias:
            return None
        near = cast("models.ForeignKey[Any, Any]", self.model._meta.get_field("workspace"))
        far = cast("models.ForeignKey[Any, Any]", self.related_model._meta.get_field("workspace"))
        where = WhereNode(connector=AND)
        where.add(Exact(near.get_col(related_alias), far.get_col(alias)), AND)
        return where


class WorkspaceModel(models.Model):
    """A row that belongs to one workspace for ever. No other kind of row may hold a customer's data."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(
        "accounts.Workspace", models.PROTECT, editable=False, db_index=False, related_name="+"
    )
    workspace_id: uuid.UUID

    # The field that names what a row is part of, where it carries the owner of that: the database holds it to the true one.
    PART_OF: ClassVar[str] = ""

    objects: ClassVar[TenantManager] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row into the bound workspace; raise ForeignRow if it belongs elsewhere."""
        self.stamp(current_workspace_id())
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the row from the bound workspace; raise ForeignRow if it belongs elsewhere."""
        self.stamp(current_workspace_id())
        return super().delete(*args, **kwargs)

    def stamp(self, workspace_id: uuid.UUID) -> None:
        """Give an unsaved row its workspace; raise ForeignRow if it already belongs to another."""
        # Django's annotation says that it is never None; before the first save it is.
        present = cast("uuid.UUID | None", self.workspace_id)
        if present is None:
            self.workspace_id = present = workspace_id
        if present != workspace_id:
            raise ForeignRow(f"{self._meta.label} {self.pk} belongs to another workspace than the bound one.")


def _fence(sender: type[models.Model], **kwargs: object) -> None:
    """Add the fence's constraints to every concrete workspace model, so that `makemigrations` writes them."""
    meta = sender._meta
    # `class_prepared` is not sent for abstract models.
    if not issubclass(sender, WorkspaceModel) or meta.proxy:
        return
    constraints = list(meta.constraints)
    present = {constraint.name for constraint in constraints}
    table = meta.db_table
    wanted: list[models.BaseConstraint] = [
        models.UniqueConstraint(fields=["workspace", "id"], name=f"{table}_workspace_id"),
        RowLevelSecurity(name=f"{table}_rls"),
    ]
    for field in meta.local_fields:
        if isinstance(field, WorkspaceForeignKey):
            to: Any = field.remote_field.model  # a string until the other model is loaded
            label = to if isinstance(to, str) else to._meta.label
            key = OwnedForeignKey if field.name == sender.PART_OF else CompositeForeignKey
            name = f"{table}_{field.column}_fk"
            wanted.append(key(name=name, column=field.column, to=label, on_delete=field.database_action))
    meta.constraints = constraints + [constraint for constraint in wanted if constraint.name not in present]
    meta.original_attrs["constraints"] = meta.constraints


class_prepared.connect(_fence, dispatch_uid="accounts.tenancy.fence")
