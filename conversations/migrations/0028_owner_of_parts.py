"""What belongs to a conversation carries its owner, so that a policy asks the row alone whose it is."""

from accounts.tenancy.constraints import CompositeForeignKey, MemberPolicy, OwnedForeignKey
from accounts.tenancy.models import WorkspaceForeignKey
from django.db import migrations, models

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


def _carries(part, whole):
    """The column and what is in it, and the rules that rest on it."""
    table, key = f"conversations_{part}", f"conversations_{part}_{whole}_id_fk"
    owner = {"on_delete": models.PROTECT, "related_name": "+", "to": "accounts.membership", "editable": False}
    yield migrations.AddField(part, "owner", WorkspaceForeignKey(**owner, null=True))
    yield migrations.RunSQL(
        f"UPDATE {table} t SET owner_id = w.owner_id FROM conversations_{whole} w "  # noqa: S608 - our own names
        f"WHERE w.workspace_id = t.workspace_id AND w.id = t.{whole}_id",
        migrations.RunSQL.noop,
    )
    yield migrations.AlterField(part, "owner", WorkspaceForeignKey(**owner))
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
    operations = [operation for part, whole in PARTS for operation in _carries(part, whole)]
