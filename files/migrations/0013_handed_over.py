"""Shared files of somebody who is no longer a member get an owner who is there."""

from django.db import migrations

# To whom agents pass as well: whoever removes, or the longest-standing owner. What is shared is read anyway, so nobody learns a word by
# it. Of what the heir has too there would be two, which the table does not take: that one stays as it is.
HAND_OVER = """
CREATE FUNCTION fence.hand_over_files(leaver uuid) RETURNS TABLE (file uuid, heir uuid)
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
    RETURN QUERY UPDATE public.files_file f SET owner_id = chosen
        WHERE f.workspace_id = place AND f.owner_id = leaver AND f.visibility = 'workspace' AND chosen IS NOT NULL
        AND (f.status = 'refused' OR NOT EXISTS (SELECT 1 FROM public.files_file o WHERE o.workspace_id = place
            AND o.owner_id = chosen AND o.sha256 = f.sha256 AND o.status <> 'refused'))
        RETURNING f.id, f.owner_id;
END
$fence$;
REVOKE ALL ON FUNCTION fence.hand_over_files(uuid) FROM PUBLIC
"""


class Migration(migrations.Migration):
    """Make the function."""

    dependencies = [("files", "0012_tags")]
    operations = [migrations.RunSQL(HAND_OVER, "DROP FUNCTION fence.hand_over_files(uuid)")]
