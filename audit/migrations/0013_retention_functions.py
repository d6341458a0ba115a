"""Of which class is an entry, and who may choose? Functions with the owner's rights, since nobody else writes what they read."""

from django.db import migrations

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# By the entry's id and by what had been chosen when it was made, never by when it is stored: whoever stores an entry again
# finds the same class. The application learns nothing of another workspace; without a choice, and for entries that belong to
# no workspace, it is the installation's own class.
RETENTION_OF = f"""
CREATE FUNCTION fence.retention_of(workspace uuid, entry uuid) RETURNS text
LANGUAGE sql STABLE {DEFINER} AS $audit$
    SELECT coalesce((
        SELECT c.retention FROM public.audit_retentionchoice c
        WHERE c.workspace_id = workspace AND c.since <= entry
        AND CASE WHEN session_user = 'aiaxis_app' THEN c.workspace_id = fence.current_workspace() ELSE true END
        ORDER BY c.since DESC LIMIT 1
    ), 'd365')
$audit$
"""

# It begins with the next day that is an hour away at least: by then every process that writes entries sees the choice,
# whatever its clock says, so that no entry is of one class now and of another when it is stored again.
CHOOSE_RETENTION = f"""
CREATE FUNCTION fence.choose_retention(new_id uuid, wanted text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $audit$
DECLARE
    actor public.accounts_membership := fence.acting_member();
    first_day timestamp := date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC' + interval '1 hour') + interval '1 day';
    first_id uuid := rpad(lpad(to_hex((extract(epoch FROM first_day) * 1000)::bigint), 12, '0'), 32, '0')::uuid;
    before text;
BEGIN
    IF actor.role IS DISTINCT FROM 'owner' THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    IF wanted IS NULL OR wanted NOT IN ('d30', 'd90', 'd365', 'y7') THEN
        RETURN jsonb_build_object('refusal', 'unknown');
    END IF;
    SELECT c.retention INTO before FROM public.audit_retentionchoice c
    WHERE c.workspace_id = actor.workspace_id ORDER BY c.since DESC LIMIT 1;
    IF coalesce(before, 'd365') = wanted THEN
        RETURN jsonb_build_object('refusal', 'unchanged');
    END IF;
    INSERT INTO public.audit_retentionchoice (id, workspace_id, retention, since, chosen_at)
    VALUES (new_id, actor.workspace_id, wanted, first_id, clock_timestamp())
    ON CONFLICT (workspace_id, since) DO UPDATE SET retention = excluded.retention, chosen_at = excluded.chosen_at;
    RETURN jsonb_build_object('before', coalesce(before, 'd365'), 'since', to_char(first_day, 'YYYY-MM-DD'));
END
$audit$
"""

# What was written of an archive is as final as the seals that it answers for.
FINAL = """
CREATE TRIGGER audit_not_changed BEFORE UPDATE OR DELETE ON audit_archive
    FOR EACH ROW EXECUTE FUNCTION fence.audit_is_final();
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit_archive
    FOR EACH STATEMENT EXECUTE FUNCTION fence.audit_is_final();
"""

FUNCTIONS = {
    "retention_of(uuid, uuid)": RETENTION_OF,
    "choose_retention(uuid, text)": CHOOSE_RETENTION,
}


class Migration(migrations.Migration):
    """Make the functions, and the guard of the archives' notes."""

    dependencies = [("audit", "0012_retention"), ("accounts", "0008_people")]
    operations = [
        *(
            migrations.RunSQL(
                f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC",
                f"DROP FUNCTION fence.{signature}",
            )
            for signature, definition in FUNCTIONS.items()
        ),
        migrations.RunSQL(FINAL, migrations.RunSQL.noop),
    ]
