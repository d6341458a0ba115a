"""Who chooses how long unused things are kept, and how is it known that something is used?"""

from django.db import migrations

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# A week passes before anything goes, after every change: time for everybody to see it on their pages, and to say no.
CHOOSE = f"""
CREATE FUNCTION fence.choose_keeping(new_id uuid, talks integer, papers integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $keeping$
DECLARE
    actor public.accounts_membership := fence.acting_member();
    before public.conversations_keepingchoice;
    first timestamptz := clock_timestamp() + interval '7 days';
BEGIN
    IF actor.role IS DISTINCT FROM 'owner' THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    IF talks NOT BETWEEN 7 AND 3650 OR papers NOT BETWEEN 7 AND 3650 THEN
        RETURN jsonb_build_object('refusal', 'unknown');
    END IF;
    SELECT c.* INTO before FROM public.conversations_keepingchoice c
        WHERE c.workspace_id = actor.workspace_id AND c.name = 'unused';
    IF before.conversations IS NOT DISTINCT FROM talks AND before.files IS NOT DISTINCT FROM papers THEN
        RETURN jsonb_build_object('refusal', 'unchanged');
    END IF;
    INSERT INTO public.conversations_keepingchoice (id, workspace_id, name, conversations, files, chosen_at, begins_at)
    VALUES (new_id, actor.workspace_id, 'unused', talks, papers, clock_timestamp(), first)
    ON CONFLICT (workspace_id, name) DO UPDATE SET conversations = excluded.conversations, files = excluded.files,
        chosen_at = excluded.chosen_at, begins_at = excluded.begins_at;
    RETURN jsonb_build_object('conversations', before.conversations, 'files', before.files, 'id', coalesce(before.id, new_id));
END
$keeping$
"""

# Numbers alone, of the whole workspace, for its owners: what would go if these were the bounds.
UNUSED = f"""
CREATE FUNCTION fence.unused_since(talks timestamptz, papers timestamptz)
RETURNS TABLE (conversations bigint, people bigint, files bigint, bytes bigint)
LANGUAGE plpgsql STABLE {DEFINER} AS $keeping$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.accounts_membership m WHERE m.workspace_id = fence.current_workspace()
        AND m.id = fence.current_member() AND m.role = 'owner' AND m.status = 'active') THEN
        RAISE EXCEPTION 'only owners may ask' USING ERRCODE = '42501';
    END IF;
    RETURN QUERY SELECT t.conversations, t.people, f.files, f.bytes
    FROM (SELECT count(*) AS conversations, count(DISTINCT c.owner_id) AS people FROM public.conversations_conversation c
        WHERE c.workspace_id = fence.current_workspace() AND c.updated_at < talks) AS t,
    (SELECT count(*) AS files, coalesce(sum(p.size), 0)::bigint AS bytes FROM public.files_file p
        WHERE p.workspace_id = fence.current_workspace() AND p.created_at < papers
        AND (p.last_used_at IS NULL OR p.last_used_at < papers)) AS f;
END
$keeping$
"""

# Whoever reads a shared file uses it and may not write it. Once an hour is often enough, and a row is not written at each answer.
USED = f"""
CREATE FUNCTION fence.file_used(paper uuid) RETURNS void
LANGUAGE sql VOLATILE {DEFINER} AS $keeping$
    UPDATE public.files_file f SET last_used_at = now() WHERE f.workspace_id = (SELECT fence.current_workspace())
    AND f.id = paper AND (f.last_used_at IS NULL OR f.last_used_at < now() - interval '1 hour')
$keeping$
"""

FUNCTIONS = {
    "choose_keeping(uuid, integer, integer)": CHOOSE,
    "unused_since(timestamptz, timestamptz)": UNUSED,
    "file_used(uuid)": USED,
}


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("conversations", "0011_keeping_choice"), ("files", "0009_last_used")]
    operations = [
        migrations.RunSQL(
            f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
        )
        for signature, definition in FUNCTIONS.items()
    ]
