"""What a suspended member shares is read by nobody until they are restored."""

import accounts.tenancy.constraints
from django.db import migrations

# As in 0019, and now of somebody who is there.
UNSEEN = """
CREATE OR REPLACE FUNCTION fence.unseen_answers(asked uuid) RETURNS TABLE (answer uuid, question uuid, place integer, liked integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
BEGIN
    RETURN QUERY SELECT m.id, m.parent_id, m.position, m.preference FROM public.conversations_message m
        WHERE m.workspace_id = fence.current_workspace() AND m.conversation_id = asked AND m.role = 'assistant'
        AND cardinality(m.sources) > 0
        AND EXISTS (SELECT 1 FROM public.conversations_conversation c
            WHERE c.workspace_id = fence.current_workspace() AND c.id = asked AND (c.visibility = 'workspace'
            OR (c.visibility = 'named' AND EXISTS (SELECT 1 FROM public.conversations_conversationshare s
                WHERE s.workspace_id = c.workspace_id AND s.conversation_id = c.id AND s.member_id = fence.current_member()))){there});
END
$fence$
"""
THERE = """
            AND EXISTS (SELECT 1 FROM public.accounts_membership o
                WHERE o.workspace_id = c.workspace_id AND o.id = c.owner_id AND o.status = 'active')"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0021_repeat'),
        ('conversations', '0025_in_passing'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='conversation',
            name='conversations_conversation_member',
        ),
        migrations.AddConstraint(
            model_name='conversation',
            constraint=accounts.tenancy.constraints.MemberPolicy(insert='owner_id = {member} AND (agent_id IS NULL OR EXISTS (SELECT 1 FROM agents_agent a WHERE a.workspace_id = {table}.workspace_id AND a.id = {table}.agent_id))', name='conversations_conversation_member', read="owner_id = {member} OR ((visibility = 'workspace' OR (visibility = 'named' AND id IN (SELECT s.conversation_id FROM conversations_conversationshare s WHERE s.member_id = {member}))) AND EXISTS (SELECT 1 FROM accounts_membership o WHERE o.workspace_id = {table}.workspace_id AND o.id = {table}.owner_id AND o.status = 'active')) OR {glass}", write='owner_id = {member}'),
        ),
        migrations.RunSQL(UNSEEN.format(there=THERE), UNSEEN.format(there="")),
    ]
