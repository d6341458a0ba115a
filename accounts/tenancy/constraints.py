"""How do row-level security and workspace-wide foreign keys get into migrations like any other constraint?

Each is a `BaseConstraint`, so `makemigrations` writes and compares it. Its SQL goes to the schema editor's deferred
statements, because the autodetector does not order `AddConstraint` by what the constraint refers to.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models import BaseConstraint, Model

WORKSPACE_RULE = "workspace_id = (SELECT fence.current_workspace())"
MEMBER = "(SELECT fence.current_member())"
WHOLE = "(SELECT fence.is_whole())"
GLASS = "(SELECT fence.is_glass())"


class DatabaseRule(BaseConstraint):
    """Raw DDL that travels with a model's constraints. PostgreSQL enforces it, so Python never validates it."""

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: there is no way to ask this question but to ask the database."""

    def constraint_sql(self, model: type[Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        """Add the rule after the table is made (called by `CREATE TABLE`)."""
        return self.create_sql(model, schema_editor)

    def create_sql(self, model: type[Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        """Put the rule's SQL at the end of the migration and nothing in its middle."""
        assert model is not None  # noqa: S101 - Django always passes both
        assert schema_editor is not None  # noqa: S101 - Django always passes both
        schema_editor.deferred_sql.append(Statement("%(sql)s", sql=self.rule_sql(model, schema_editor)))
        return ""

    def remove_sql(self, model: type[Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        """Return the statement that takes the rule away."""
        assert model is not None  # noqa: S101 - Django always passes both
        assert schema_editor is not None  # noqa: S101 - Django always passes both
        return Statement("%(sql)s", sql=self.drop_sql(model, schema_editor))

    def rule_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        """Return the DDL that makes the rule."""
        raise NotImplementedError

    def drop_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        """Return the DDL that drops the rule."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.deconstruct() == self.deconstruct()

    def __hash__(self) -> int:
        return hash((type(self), self.name))


class RowLevelSecurity(DatabaseRule):
    """Enable and force row security with one permissive policy: this workspace's rows, read and written.

    `using` and `check` replace the rule for the few tables that have no workspace column of their own.
    """

    def __init__(self, *, name: str, using: str = WORKSPACE_RULE, check: str = "") -> None:
        super().__init__(name=name)
        self.using = using
        self.check_rule = check or using

    def rule_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        """Return the DDL that turns row security on and makes the policy `workspace`."""
        table = schema_editor.quote_name(model._meta.db_table)
        return (
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY; "
            f"CREATE POLICY workspace ON {table} FOR ALL TO PUBLIC USING ({self.using}) WITH CHECK ({self.check_rule})"
        )

    def drop_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        """Return the DDL that drops the policy. Row security stays on: a table without a policy shows nothing."""
        return f"DROP POLICY IF EXISTS workspace ON {schema_editor.quote_name(model._meta.db_table)}"

    def deconstruct(self) -> Any:
        """Return what a migration needs to make this constraint again."""
        path, args, kwargs = super().deconstruct()
        if self.using != WORKSPACE_RULE:
            kwargs["using"] = self.using
        if self.check_rule != self.using:
            kwargs["check"] = self.check_rule
        return path, args, kwargs


class MemberPolicy(DatabaseRule):
    """Two restrictive policies beside the workspace's: which of its rows this member may read, and which write.

    `read` and `write` are SQL conditions in which `{member}` is the sealed member and `{table}` the quoted table; a `read` with
    `{glass}` also lets an operator's open visit read the row, which no other rule does.
    `insert` narrows `write` for new rows: a row may only be made to point at what its maker may see, and later outlive
    that. Whole-workspace work passes all; it is sealed as such and made only by allow-listed services.
    """

    def __init__(self, *, name: str, read: str, write: str, insert: str = "") -> None:
        super().__init__(name=name)
        self.read = read
        self.write = write
        self.insert = insert or write

    def rule_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        """Return the DDL of `member_read` (SELECT) and of `member_insert`, `member_update`, `member_delete`."""
        table = schema_editor.quote_name(model._meta.db_table)
        read = f"({self.read.format(member=MEMBER, table=table, glass=GLASS)}) OR {WHOLE}"
        write = f"({self.write.format(member=MEMBER, table=table)}) OR {WHOLE}"
        insert = f"({self.insert.format(member=MEMBER, table=table)}) OR {WHOLE}"
        make = f"CREATE POLICY member_{{}} ON {table} AS RESTRICTIVE FOR {{}} TO PUBLIC {{}}"
        return "; ".join(
            (
                make.format("read", "SELECT", f"USING ({read})"),
                make.format("insert", "INSERT", f"WITH CHECK ({insert})"),
                make.format("update", "UPDATE", f"USING ({write}) WITH CHECK ({write})"),
                make.format("delete", "DELETE", f"USING ({write})"),
            )
        )

    def drop_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        """Return the DDL that drops the four policies."""
        table = schema_editor.quote_name(model._meta.db_table)
        return "; ".join(
            f"DROP POLICY IF EXISTS member_{verb} ON {table}" for verb in ("read", "insert", "update", "delete")
        )

    def deconstruct(self) -> Any:
        """Return what a migration needs to make this constraint again."""
        path, args, kwargs = super().deconstruct()
        kwargs |= {"read": self.read, "write": self.write}
        if self.insert != self.write:
            kwargs["insert"] = self.insert
        return path, args, kwargs


class CompositeForeignKey(DatabaseRule):
    """`(workspace_id, column)` must name a row of the *same* workspace: what row-level security cannot see.

    `on_delete` is the database's own action. It must be the database's, because Django's collector runs under row
    security and would not find a colleague's private rows that refer to a shared one. `within` names a further column
    that both tables have, and holds the two rows to the same value of it (a message's parent is of the same conversation).
    """

    ACTIONS = {"CASCADE": "CASCADE", "SET_NULL": "SET NULL ({column})", "PROTECT": "NO ACTION"}

    def __init__(self, *, name: str, column: str, to: str, on_delete: str, within: str = "") -> None:
        super().__init__(name=name)
        self.column = column
        self.to = to
        self.on_delete = on_delete
        self.within = within

    def rule_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        """Return the DDL of the foreign key and its action."""
        quote = schema_editor.quote_name
        target = model._meta.apps.get_model(self.to)._meta.db_table
        column = quote(self.column)
        both = f"workspace_id, {quote(self.within)}" if self.within else "workspace_id"
        return (
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY ({both}, {column}) REFERENCES {quote(target)} ({both}, id) "
            f"ON DELETE {self.ACTIONS[self.on_delete].format(column=column)} DEFERRABLE INITIALLY IMMEDIATE"
        )

    def drop_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        """Return the DDL that drops the foreign key."""
        quote = schema_editor.quote_name
        return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT IF EXISTS {quote(self.name)}"

    def deconstruct(self) -> Any:
        """Return what a migration needs to make this constraint again."""
        path, args, kwargs = super().deconstruct()
        kwargs |= {"column": self.column, "to": self.to, "on_delete": self.on_delete}
        if self.within:
            kwargs["within"] = self.within
        return path, args, kwargs


class OwnedForeignKey(CompositeForeignKey):
    """`(workspace_id, column, owner_id)` must name a row of the same workspace *and the same owner*, and follows its owner.

    In the place of the usual key, not beside it: two would tell by their names whether a colleague's private row exists.
    """

    def rule_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        """Return the DDL of the foreign key and its actions. What it refers to needs a unique over the same three columns."""
        quote = schema_editor.quote_name
        target = model._meta.apps.get_model(self.to)._meta.db_table
        return (
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY (workspace_id, {quote(self.column)}, owner_id) REFERENCES {quote(target)} (workspace_id, id, owner_id) "
            f"ON UPDATE CASCADE ON DELETE {self.ACTIONS[self.on_delete].format(column=self.column)} "
            "DEFERRABLE INITIALLY IMMEDIATE"
        )
