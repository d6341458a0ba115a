"""What was shared with chosen people passes on as well when its owner leaves; what was shared with the leaver ends.

The heir needs no share of what is his own now. The other shares follow the agent's owner by their foreign key.
"""

from django.db import migrations

HAND_OVER = """
CREATE OR REPLACE FUNCTION fence.hand_over_agents(leaver uuid) RETURNS TABLE (agent uuid, heir uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
    place uuid := fence.current_workspace();
    chosen uuid;
    passing uuid[];
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.accounts_membership m
        WHERE m.workspace_id = place AND m.id = leaver AND m.status = 'removed') THEN
        RETURN;
    END IF;
    DELETE FROM public.agents_agentshare s WHERE s.workspace_id = place AND s.member_id = leaver;
    SELECT m.id INTO chosen FROM public.accounts_membership m JOIN public.accounts_user u ON u.id = m.user_id AND u.is_active
    WHERE m.workspace_id = place AND m.status = 'active' AND m.role IN ('owner', 'admin')
    ORDER BY m.id = fence.current_member() DESC, m.role = 'owner' DESC, m.created_at, m.id LIMIT 1;
    IF chosen IS NULL THEN
        RETURN;
    END IF;
    passing := ARRAY(SELECT a.id FROM public.agents_agent a
        WHERE a.workspace_id = place AND a.owner_id = leaver AND (a.visibility = 'workspace' OR EXISTS (
            SELECT 1 FROM public.agents_agentshare s WHERE s.workspace_id = place AND s.agent_id = a.id)));
    DELETE FROM public.agents_agentshare s
        WHERE s.workspace_id = place AND s.agent_id = ANY (passing) AND s.member_id = chosen;
    RETURN QUERY UPDATE public.agents_agent a SET owner_id = chosen, updated_at = now()
        WHERE a.workspace_id = place AND a.id = ANY (passing)
        RETURNING a.id, a.owner_id;
END
$fence$
"""


class Migration(migrations.Migration):
    """Replace the function. The way back keeps it: it hands over what the former one did, and more."""

    dependencies = [("agents", "0010_named_members")]
    operations = [migrations.RunSQL(HAND_OVER, migrations.RunSQL.noop)]
