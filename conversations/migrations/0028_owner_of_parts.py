"""What belongs to a conversation carries its owner, so that a policy asks the row alone whose it is."""

from accounts.tenancy.constraints import CompositeForeignKey, MemberPolicy, OwnedForeignKey
from accounts.tenancy.models import WorkspaceForeignKey
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

OWNED = "owner_id = {member}"
FILE_VISIBLE = "EXISTS (SELECT 1 FROM files_file f WHERE f.workspace_id = {table}.workspace_id AND f.id = {table}.file_id)"
PASSAGE_VISIBLE = "EXISTS (SELECT 1 FROM files_passage p WHERE p.workspace_id = {table}.workspace_id AND p.id = {table}.passage_id)"
SOURCES_VISIBLE = (
    "NOT EXISTS (SELECT 1 FROM unnest({table}.sources) AS s (file_id) WHERE NOT EXISTS ("
    "SELECT 1 FROM files_file f WHERE f.workspace_id = {table}.workspace_id AND f.id = s.file_id))"
)
IN_VISIBLE_CONVERSATION = (
    "EXISTS (SELECT 1 FROM conversations_conversation c "
    "WHERE c.workspace_id = {table}.workspace_id AND c.id = {table}.conversation_id)"
)
IN_VISIBLE_MESSAGE = (
    "EXISTS (SELECT 1 FROM conversations_message m "
    "WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id)"
)

# A message or trial before what is part of it, as its owner is taken from there.
PARTS = [
    ("message", "conversation"),
    ("conversationfile", "conversation"),
    ("completion", "conversation"),
    ("trial", "conversation"),
    ("delta", "message"),
    ("citation", "message"),
    ("toolcall", "message"),
    ("trialfile", "trial"),
]
POLICIES = {
    "message": {
        "read": f"{OWNED} OR ({IN_VISIBLE_CONVERSATION} AND ({{glass}} OR {SOURCES_VISIBLE}))",
        "write": OWNED,
    },
    "conversationfile": {
        "read": OWNED,
        "write": OWNED,
        "insert": f"{OWNED} AND (file_id IS NULL OR {FILE_VISIBLE})",
    },
    "completion": {"read": f"{OWNED} OR {{glass}}", "write": OWNED},
    "trial": {"read": OWNED, "write": OWNED},
    "delta": {"read": f"{OWNED} OR {{glass}}", "write": OWNED},
    "citation": {
        "read": f"{OWNED} OR ({IN_VISIBLE_MESSAGE} AND ({{glass}} OR {FILE_VISIBLE}))",
        "write": OWNED,
        "insert": f"{OWNED} AND (file_id IS NULL OR {FILE_VISIBLE}) AND (passage_id IS NULL OR {PASSAGE_VISIBLE})",
    },
    "toolcall": {"read": f"{OWNED} OR {{glass}}", "write": OWNED},
    "trialfile": {"read": OWNED, "write": OWNED, "insert": f"{OWNED} AND {FILE_VISIBLE}"},
}

# Unique keys, which end with the owner from now on.
UNIQUES = {
    "message": {
        "message_position": ["workspace", "conversation", "position"],
        "message_once": ["workspace", "conversation", "idempotency_key"],
    },
    "conversationfile": {"conversationfile_once": ["workspace", "conversation", "file"]},
    "completion": {"completion_one": ["workspace", "conversation"]},
    "trial": {"trial_one": ["workspace", "conversation"]},
    "delta": {"delta_seq": ["workspace", "message", "seq"]},
    "citation": {"citation_number": ["workspace", "message", "number"]},
    "toolcall": {"toolcall_number": ["workspace", "message", "number"]},
    "trialfile": {"trialfile_once": ["workspace", "trial", "file"]},
}


class AtOnce(Operation):
    """Operations of which none needs the state that another leaves. Django makes the models of its state anew for each, and 60 times
    that took 3.5 of the 9.8 seconds in which a new database is made (measured); here it does so once.
    """

    def __init__(self, operations):
        self.operations = operations

    def state_forwards(self, app_label, state):
        """Change the state while it holds no models."""
        state.__dict__.pop("apps", None)
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        """Do one after the other."""
        for operation in self.operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        """Undo them from the last to the first."""
        for operation in reversed(self.operations):
            operation.database_backwards(app_label, schema_editor, from_state, to_state)


def _carries(part, whole):
    """The column and what is in it, and the rules that rest on it."""
    table, key = f"conversations_{part}", f"conversations_{part}_{whole}_id_fk"
    owner = WorkspaceForeignKey(on_delete=models.PROTECT, related_name="+", to="accounts.membership", editable=False)
    yield migrations.SeparateDatabaseAndState(state_operations=[migrations.AddField(part, "owner", owner)])
    yield migrations.RunSQL(
        f"ALTER TABLE {table} ADD COLUMN owner_id uuid; "  # noqa: S608 - our own names
        f"UPDATE {table} t SET owner_id = w.owner_id FROM conversations_{whole} w "
        f"WHERE w.workspace_id = t.workspace_id AND w.id = t.{whole}_id; "
        f"ALTER TABLE {table} ALTER COLUMN owner_id SET NOT NULL",
        f"ALTER TABLE {table} DROP COLUMN owner_id",
    )
    yield migrations.AddConstraint(
        part,
        CompositeForeignKey(
            name=f"{table}_owner_id_fk", column="owner_id", to="accounts.Membership", on_delete="PROTECT"
        ),
    )
    for name, fields in UNIQUES[part].items():
        yield migrations.RemoveConstraint(part, f"conversations_{name}")
        yield migrations.AddConstraint(
            part, models.UniqueConstraint(fields=[*fields, "owner"], name=f"conversations_{name}")
        )
    if part in ("message", "trial"):
        yield migrations.AddConstraint(
            part, models.UniqueConstraint(fields=["workspace", "id", "owner"], name=f"{table}_owned")
        )
    yield migrations.RemoveConstraint(part, key)
    yield migrations.AddConstraint(
        part,
        OwnedForeignKey(
            name=key, column=f"{whole}_id", to=f"conversations.{whole.capitalize()}", on_delete="CASCADE"
        ),
    )
    yield migrations.RemoveConstraint(part, f"{table}_member")
    yield migrations.AddConstraint(part, MemberPolicy(name=f"{table}_member", **POLICIES[part]))


class Migration(migrations.Migration):
    """Every part, one after the other."""

    dependencies = [("accounts", "0023_fewest_jobs"), ("conversations", "0027_asked_once"), ("files", "0012_tags")]
    operations = [AtOnce([operation for part, whole in PARTS for operation in _carries(part, whole)])]
