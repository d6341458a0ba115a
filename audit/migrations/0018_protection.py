"""What may a member know of how the installation that they use is protected? Times, yes or no, and counts of their own workspace.

No table of the installation's own is opened for that: this one function says what a page shows, to a member who is active now.
Of other workspaces it says nothing, not by a count and not by the time of somebody's last act; a hole that a proof found is a
hole without its place, which would be a map for whoever reads it.
"""

from django.db import migrations

PROTECTION = """
CREATE FUNCTION fence.protection() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
DECLARE
    reader record;
BEGIN
    SELECT m.workspace_id AS place, m.role IN ('owner', 'admin') AS keeps INTO reader FROM public.accounts_membership m
    WHERE m.workspace_id = fence.current_workspace() AND m.id = fence.current_member() AND m.status = 'active';
    IF reader.place IS NULL THEN
        RAISE EXCEPTION 'only members may know this' USING ERRCODE = '42501';
    END IF;
    RETURN jsonb_build_object(
        'tables', (SELECT jsonb_build_object('all', count(*), 'fenced', count(*) FILTER (WHERE c.relrowsecurity AND c.relforcerowsecurity))
            FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition),
        'proofs', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'at', p.ended_at, 'origin', p.origin, 'holds', p.holds,
                'attacks', p.result->'attacks', 'tries', p.result->'tries', 'leaks', p.result->'leaks', 'broken', p.result->'broken',
                'findings', jsonb_array_length(p.result->'findings'), 'tables', p.result->'tables', 'seconds', p.result->'seconds',
                'server_version', p.result->'server_version', 'attacked', p.result->'attacked')), '[]'::jsonb)
            FROM (SELECT DISTINCT ON (o.attacks) o.* FROM public.audit_proof o WHERE o.state = 'done'
                ORDER BY o.attacks, o.asked_at DESC, o.id DESC) p),
        'entries', (SELECT count(*) FROM (SELECT 1 FROM public.audit_entry e WHERE e.workspace_id = reader.place LIMIT 10001) o),
        -- Only for those who keep the trail: when somebody last did something is theirs to know.
        'sealed_until', (SELECT e.occurred_at FROM public.audit_entry e WHERE reader.keeps AND e.workspace_id = reader.place
            AND NOT EXISTS (SELECT 1 FROM public.audit_unsealed u WHERE u.entry_id = e.id) ORDER BY e.id DESC LIMIT 1),
        -- An id begins with its moment, in milliseconds. Anybody's entry: yes or no, and not when.
        'seals_are_late', EXISTS (SELECT 1 FROM public.audit_unsealed u WHERE u.entry_id < rpad(lpad(to_hex(
            (extract(epoch FROM clock_timestamp() - interval '3 minutes') * 1000)::bigint), 12, '0'), 32, '0')::uuid),
        'checks', (SELECT coalesce(jsonb_agg(jsonb_build_object('own', c.about_id IS NOT NULL, 'at', c.ended_at, 'holds', c.holds)), '[]'::jsonb)
            FROM (SELECT DISTINCT ON (o.about_id) o.about_id, o.ended_at, o.holds FROM public.audit_check o
                WHERE o.state = 'done' AND (o.about_id IS NULL OR o.about_id = reader.place)
                ORDER BY o.about_id, o.asked_at DESC, o.id DESC) c),
        'visits', (SELECT jsonb_build_object('all', count(*), 'pages', coalesce(sum(v.pages), 0), 'last', max(v.opened_at))
            FROM public.accounts_visit v WHERE v.workspace_id = reader.place AND v.opened_at > clock_timestamp() - interval '90 days'),
        'told', jsonb_build_object(
            'operators', EXISTS (SELECT 1 FROM public.audit_operatorchannel o WHERE NOT o.is_paused),
            'own', (SELECT count(*) FROM public.audit_channel o WHERE o.workspace_id = reader.place AND NOT o.is_paused)));
END
$audit$
"""


class Migration(migrations.Migration):
    """Make the function."""

    dependencies = [("audit", "0017_sentry_channel"), ("accounts", "0018_glass")]
    operations = [
        migrations.RunSQL(
            f"{PROTECTION}; REVOKE ALL ON FUNCTION fence.protection() FROM PUBLIC", "DROP FUNCTION fence.protection()"
        )
    ]
