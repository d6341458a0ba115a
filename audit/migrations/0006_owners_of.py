"""Whose are these ids? The one question that tells a reach into another workspace from a typo.

It looks into every table that has an id and a workspace, those of later migrations too, and answers with ids and
workspaces, never with anything that a row holds. Only the shipper may ask, after the answer has left.
"""

from django.db import migrations

OWNERS_OF = """
CREATE FUNCTION fence.owners_of(wanted uuid[]) RETURNS TABLE (id uuid, workspace_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
DECLARE
    place regclass;
BEGIN
    RETURN QUERY SELECT w.id, w.id FROM public.accounts_workspace w WHERE w.id = ANY (wanted);
    FOR place IN
        SELECT c.oid FROM pg_class c
        JOIN pg_attribute i ON i.attrelid = c.oid AND i.attname = 'id' AND i.atttypid = 'uuid'::regtype
        JOIN pg_attribute w ON w.attrelid = c.oid AND w.attname = 'workspace_id' AND w.atttypid = 'uuid'::regtype
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT t.id, t.workspace_id FROM %s t WHERE t.id = ANY ($1) AND t.workspace_id IS NOT NULL', place
        ) USING wanted;
    END LOOP;
END
$audit$;
REVOKE ALL ON FUNCTION fence.owners_of(uuid[]) FROM PUBLIC
"""


class Migration(migrations.Migration):
    """Make the function."""

    dependencies = [("audit", "0005_notices_functions")]
    operations = [migrations.RunSQL(OWNERS_OF, "DROP FUNCTION fence.owners_of(uuid[])")]
