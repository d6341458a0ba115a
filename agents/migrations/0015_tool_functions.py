"""Who may say which servers of tools are called, and which of their tools: functions that ask for themselves.

A server's own word about its tools never allows one: what an administrator saw is named by its digest, and allows while it is the same.
Whoever finds a tool changed, a member's question among them, may have it switched off, and nobody but an administrator on again.
"""

from django.db import migrations

KEEPER = """EXISTS (SELECT 1 FROM public.accounts_membership m WHERE m.workspace_id = fence.current_workspace()
        AND m.id = fence.current_member() AND m.role IN ('owner', 'admin') AND m.status = 'active')"""

ONLY_KEEPERS = f"""
    IF NOT ({KEEPER}) THEN
        RAISE EXCEPTION 'only owners and administrators may do this' USING ERRCODE = '42501';
    END IF;"""

KEEP_SERVER = f"""
CREATE FUNCTION fence.keep_tool_server(act text, wanted uuid, words jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $agents$
DECLARE
    place uuid := fence.current_workspace();
BEGIN{ONLY_KEEPERS}
    CASE act
    WHEN 'add' THEN
        INSERT INTO public.agents_toolserver (id, workspace_id, name, url, sealed, hint, is_on, created_at, changed_at)
        SELECT wanted, place, r.name, r.url, r.sealed, r.hint, true, now(), now()
        FROM jsonb_to_record(words) AS r (name text, url text, sealed text, hint text)
        WHERE (SELECT count(*) FROM public.agents_toolserver s WHERE s.workspace_id = place) < 20;
    WHEN 'change' THEN
        -- Whoever stands behind another address was never looked at.
        UPDATE public.agents_tool t SET approved = '' FROM public.agents_toolserver s
        WHERE s.id = wanted AND s.workspace_id = place AND t.workspace_id = place AND t.server_id = wanted
            AND s.url <> words ->> 'url';
        UPDATE public.agents_toolserver s SET name = r.name, url = r.url, sealed = r.sealed, hint = r.hint, changed_at = now()
        FROM jsonb_to_record(words) AS r (name text, url text, sealed text, hint text)
        WHERE s.id = wanted AND s.workspace_id = place;
    WHEN 'switch' THEN
        UPDATE public.agents_toolserver s SET is_on = (words ->> 'is_on')::boolean, changed_at = now()
        WHERE s.id = wanted AND s.workspace_id = place;
    WHEN 'remove' THEN
        DELETE FROM public.agents_toolserver WHERE id = wanted AND workspace_id = place;
    END CASE;
    RETURN FOUND;
END
$agents$
"""

KEEP_TOOLS = f"""
CREATE FUNCTION fence.keep_tools(wanted uuid, listing jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $agents$
DECLARE
    place uuid := fence.current_workspace();
BEGIN{ONLY_KEEPERS}
    UPDATE public.agents_toolserver SET listed_at = now() WHERE id = wanted AND workspace_id = place;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE public.agents_tool SET is_there = false WHERE workspace_id = place AND server_id = wanted;
    INSERT INTO public.agents_tool AS t (id, workspace_id, server_id, name, description, schema, says_it_reads, digest, approved,
        rule, is_there)
    SELECT r.id, place, wanted, r.name, r.description, r.schema, r.says_it_reads, r.digest, '', 'off', true
    FROM jsonb_to_recordset(listing) AS r (id uuid, name text, description text, schema jsonb, says_it_reads boolean, digest text)
    ON CONFLICT (workspace_id, server_id, name) DO UPDATE SET description = excluded.description, schema = excluded.schema,
        says_it_reads = excluded.says_it_reads, digest = excluded.digest, is_there = true;
    DELETE FROM public.agents_tool WHERE workspace_id = place AND server_id = wanted AND NOT is_there AND rule = 'off';
END
$agents$
"""

ALLOW_TOOL = f"""
CREATE FUNCTION fence.allow_tool(wanted uuid, wished text, seen text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $agents$
BEGIN{ONLY_KEEPERS}
    UPDATE public.agents_tool SET rule = wished, approved = seen
    WHERE id = wanted AND workspace_id = fence.current_workspace() AND (digest = seen OR wished = 'off')
        AND wished IN ('off', 'ask', 'free');
    RETURN FOUND;
END
$agents$
"""

HAS_CHANGED = """
CREATE FUNCTION fence.tool_has_changed(wanted uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $agents$
BEGIN
    UPDATE public.agents_tool SET approved = ''
    WHERE id = wanted AND workspace_id = fence.current_workspace() AND approved <> '';
    RETURN FOUND;
END
$agents$
"""

FUNCTIONS = {
    "keep_tool_server(text, uuid, jsonb)": KEEP_SERVER,
    "keep_tools(uuid, jsonb)": KEEP_TOOLS,
    "allow_tool(uuid, text, text)": ALLOW_TOOL,
    "tool_has_changed(uuid)": HAS_CHANGED,
}


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("agents", "0014_tools")]
    operations = [
        migrations.RunSQL(
            f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
        )
        for signature, definition in FUNCTIONS.items()
    ]
