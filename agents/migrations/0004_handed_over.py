"""Shared agents of somebody who left go to somebody who is there; a colleague's login may not write them.

The function acts for the sealed member, and only on agents of a member of the same workspace who is removed. Who gets them is
decided here: the acting owner or admin, or, when the person left by themselves, the owner who has been there longest.
"""

from django.db import migrations

HAND_OVER = """
CREATE FUNCTION fence.hand_over_agents(leaver uuid) RETURNS TABLE (agent uuid, heir uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
    place uuid := fence.current_workspace();
    chosen uuid;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.accounts_membership m
        WHERE m.workspace_id = place AND m.id = leaver AND m.status = 'removed') THEN
        RETURN;
    END IF;
    SELECT m.id INTO chosen FROM public.accounts_membership m JOIN public.accounts_user u ON u.id = m.user_id AND u.is_active
    WHERE m.workspace_id = place AND m.status = 'active' AND m.role IN ('owner', 'admin')
    ORDER BY m.id = fence.current_member() DESC, m.role = 'owner' DESC, m.created_at, m.id LIMIT 1;
    RETURN QUERY UPDATE public.agents_agent a SET owner_id = chosen, updated_at = now()
        WHERE a.workspace_id = place AND a.owner_id = leaver AND a.visibility = 'workspace' AND chosen IS NOT NULL
        RETURNING a.id, a.owner_id;
END
$fence$;
REVOKE ALL ON FUNCTION fence.hand_over_agents(uuid) FROM PUBLIC
"""


class Migration(migrations.Migration):
    """Make the function."""

    dependencies = [("accounts", "0008_people"), ("agents", "0003_owner_first")]
    operations = [migrations.RunSQL(HAND_OVER, "DROP FUNCTION fence.hand_over_agents(uuid)")]
