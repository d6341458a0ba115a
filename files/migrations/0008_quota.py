"""How much of its room a workspace uses: counted with the owner's rights, since a member does not see colleagues' private files.

Asked for with `and_hold`, the workspace's uploads are let through one after another until their transactions end, so that two
do not both find the last room. Only other uploads wait: what refers to the workspace takes a weaker lock.
"""

from django.db import migrations

STORAGE_OF_WORKSPACE = """
CREATE FUNCTION fence.storage_of_workspace(and_hold boolean)
RETURNS TABLE (bytes bigint, files bigint, most_bytes bigint, most_files integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $files$
DECLARE
    place uuid := fence.current_workspace();
BEGIN
    IF and_hold THEN
        PERFORM 1 FROM public.accounts_workspace w WHERE w.id = place FOR NO KEY UPDATE;
    END IF;
    -- A statement of its own, which sees what the upload before this one has committed.
    RETURN QUERY SELECT coalesce(f.bytes, 0)::bigint, f.files, w.most_bytes, w.most_files
        FROM public.accounts_workspace w,
            (SELECT sum(size) AS bytes, count(*) AS files FROM public.files_file WHERE workspace_id = place) f
        WHERE w.id = place;
END
$files$
"""


class Migration(migrations.Migration):
    """Make the function."""

    dependencies = [("files", "0007_glass"), ("accounts", "0019_quota")]
    operations = [
        migrations.RunSQL(
            f"{STORAGE_OF_WORKSPACE}; REVOKE ALL ON FUNCTION fence.storage_of_workspace(boolean) FROM PUBLIC",
            "DROP FUNCTION fence.storage_of_workspace(boolean)",
        )
    ]
