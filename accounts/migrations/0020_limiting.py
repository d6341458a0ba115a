"""How an operator says how much a workspace may keep: a function that believes sealed claims of a live operator only.

The application may read the limit and change nothing of it, so injected SQL makes no more room.
"""

from django.db import migrations

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# Returns what the limits were, for the record; nothing where there is no such workspace or they are these already.
LIMIT_WORKSPACE = f"""
CREATE FUNCTION fence.limit_workspace(sealed text) RETURNS TABLE (bytes_before bigint, files_before integer)
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'operator.quota');
    wanted uuid := (claims->>'workspace')::uuid;
    bytes_now bigint := (claims->>'bytes')::bigint;
    files_now integer := (claims->>'files')::integer;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM fence.operator_behind(claims)) THEN
        RAISE EXCEPTION 'no operator is signed in' USING ERRCODE = '42501';
    END IF;
    RETURN QUERY SELECT w.most_bytes, w.most_files FROM public.accounts_workspace w WHERE w.id = wanted
        AND (w.most_bytes, w.most_files) IS DISTINCT FROM (bytes_now, files_now) FOR NO KEY UPDATE;
    UPDATE public.accounts_workspace SET most_bytes = bytes_now, most_files = files_now WHERE id = wanted;
END
$fence$
"""


class Migration(migrations.Migration):
    """Make the function."""

    dependencies = [("accounts", "0019_quota")]
    operations = [
        migrations.RunSQL(
            f"{LIMIT_WORKSPACE}; REVOKE ALL ON FUNCTION fence.limit_workspace(text) FROM PUBLIC",
            "DROP FUNCTION fence.limit_workspace(text)",
        )
    ]
