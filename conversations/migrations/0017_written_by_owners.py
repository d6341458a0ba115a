"""What is said in a conversation is written by its owner alone, also once others may read it."""

import accounts.tenancy.constraints
from django.db import migrations

IN_VISIBLE_CONVERSATION = "EXISTS (SELECT 1 FROM conversations_conversation c WHERE c.workspace_id = {table}.workspace_id AND c.id = {table}.conversation_id)"
IN_OWN_CONVERSATION = "EXISTS (SELECT 1 FROM conversations_conversation c WHERE c.workspace_id = {table}.workspace_id AND c.id = {table}.conversation_id AND c.owner_id = {member})"
IN_VISIBLE_MESSAGE = "EXISTS (SELECT 1 FROM conversations_message m WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id)"
IN_OWN_MESSAGE = "EXISTS (SELECT 1 FROM conversations_message m JOIN conversations_conversation c ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id AND c.owner_id = {member})"
SOURCES_VISIBLE = " AND (file_id IS NULL OR EXISTS (SELECT 1 FROM files_file f WHERE f.workspace_id = {table}.workspace_id AND f.id = {table}.file_id)) AND (passage_id IS NULL OR EXISTS (SELECT 1 FROM files_passage p WHERE p.workspace_id = {table}.workspace_id AND p.id = {table}.passage_id))"

POLICIES = {
    "completion": {"read": IN_VISIBLE_CONVERSATION, "write": IN_OWN_CONVERSATION},
    "message": {"read": IN_VISIBLE_CONVERSATION, "write": IN_OWN_CONVERSATION},
    "delta": {"read": IN_VISIBLE_MESSAGE, "write": IN_OWN_MESSAGE},
    "citation": {"read": IN_VISIBLE_MESSAGE, "write": IN_OWN_MESSAGE, "insert": IN_OWN_MESSAGE + SOURCES_VISIBLE},
}


class Migration(migrations.Migration):
    """Replace the policies."""

    dependencies = [("conversations", "0016_feedback_functions")]

    operations = [
        operation
        for model, rules in POLICIES.items()
        for operation in (
            migrations.RemoveConstraint(model_name=model, name=f"conversations_{model}_member"),
            migrations.AddConstraint(
                model_name=model,
                constraint=accounts.tenancy.constraints.MemberPolicy(name=f"conversations_{model}_member", **rules),
            ),
        )
    ]
