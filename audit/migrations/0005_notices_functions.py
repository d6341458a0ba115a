"""Who may add a listener, silence an alarm or learn where a message went: functions that ask for themselves.

What operators change is believed only under a seal that injected SQL cannot make, and only of somebody who is an operator
now. What a workspace's administrator asks for is judged by the sealed context and by the role that they have now. Rules to
begin with stand here too.
"""

from django.db import migrations

TO_BE_HEARD = """
CREATE FUNCTION fence.audit_to_be_heard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
BEGIN
    INSERT INTO public.audit_unheard (ids) SELECT array_agg(id) FROM new_entries HAVING count(*) > 0;
    RETURN NULL;
END
$audit$;
CREATE TRIGGER audit_heard_later AFTER INSERT ON audit_entry REFERENCING NEW TABLE AS new_entries
    FOR EACH STATEMENT EXECUTE FUNCTION fence.audit_to_be_heard();
"""
NOT_HEARD = "DROP TRIGGER audit_heard_later ON audit_entry; DROP FUNCTION fence.audit_to_be_heard()"

# The channels of these workspaces, or these channels: with the address that a member has now, if they may read the trail now.
CHANNELS_OF = """
CREATE FUNCTION fence.channels_of(workspaces uuid[], wanted uuid[])
RETURNS TABLE (id uuid, workspace_id uuid, name text, kind text, sealed text, threshold text, actions text[], is_paused boolean, email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
    SELECT c.id, c.workspace_id, c.name, c.kind, c.sealed, c.least, c.actions::text[], c.is_paused, m.email
    FROM public.audit_channel c JOIN public.accounts_workspace w ON w.id = c.workspace_id AND w.status = 'active'
    LEFT JOIN public.accounts_membership m ON m.workspace_id = c.workspace_id AND m.id = c.recipient_id
    WHERE (c.workspace_id = ANY(workspaces) OR c.id = ANY(wanted))
    AND (c.kind <> 'email' OR (m.status = 'active' AND m.role IN ('owner', 'admin')))
$audit$
"""

# Is whoever the sealed context names an owner or administrator of the workspace that it names, now?
KEEPER = """EXISTS (SELECT 1 FROM public.accounts_membership m WHERE m.workspace_id = fence.current_workspace()
        AND m.id = fence.current_member() AND m.role IN ('owner', 'admin') AND m.status = 'active')"""

# At most ten channels: each of them is a way by which a flood leaves.
KEEP_CHANNEL = f"""
CREATE FUNCTION fence.keep_channel(act text, wanted uuid, words jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
BEGIN
    IF NOT ({KEEPER}) THEN
        RAISE EXCEPTION 'only owners and administrators may do this' USING ERRCODE = '42501';
    END IF;
    CASE act
    WHEN 'add' THEN
        INSERT INTO public.audit_channel (id, workspace_id, name, kind, shown, sealed, least, is_paused, created_at, recipient_id, actions)
        SELECT wanted, fence.current_workspace(), r.name, r.kind, r.shown, r.sealed, r.least, false, now(), r.recipient_id, r.actions
        FROM jsonb_to_record(words) AS r (name text, kind text, shown text, sealed text, least text, recipient_id uuid, actions text[])
        WHERE (r.kind = 'email') = (r.recipient_id IS NOT NULL)
        AND (r.kind <> 'email' OR EXISTS (SELECT 1 FROM public.accounts_membership m
            WHERE m.workspace_id = fence.current_workspace() AND m.id = r.recipient_id
            AND m.role IN ('owner', 'admin') AND m.status = 'active'))
        AND (SELECT count(*) FROM public.audit_channel c WHERE c.workspace_id = fence.current_workspace()) < 10;
    WHEN 'pause' THEN
        UPDATE public.audit_channel SET is_paused = true
        WHERE id = wanted AND workspace_id = fence.current_workspace() AND NOT is_paused;
    WHEN 'resume' THEN
        UPDATE public.audit_channel SET is_paused = false
        WHERE id = wanted AND workspace_id = fence.current_workspace() AND is_paused;
    WHEN 'remove' THEN
        DELETE FROM public.audit_channel WHERE id = wanted AND workspace_id = fence.current_workspace();
    END CASE;
    RETURN FOUND;
END
$audit$
"""

# A UUIDv7, as everywhere, so that the newest stand first.
NEW_ID = """(SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || substr(gen_random_uuid()::text, 16)
        FROM lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') AS h)::uuid"""

TEST_CHANNEL = f"""
CREATE FUNCTION fence.test_channel(wanted uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
BEGIN
    IF NOT ({KEEPER}) OR NOT EXISTS (
        SELECT 1 FROM public.audit_channel c WHERE c.id = wanted AND c.workspace_id = fence.current_workspace()) THEN
        RETURN false;
    END IF;
    INSERT INTO public.audit_message (id, channel_id, kind, severity, action, reason, total, more, folded, created_at,
        due_at, attempts, state, answer)
    SELECT {NEW_ID}, wanted, 'test', 'info', '', '', 0, 0, 0, now(), now(), 0, 'waiting', ''
    WHERE NOT EXISTS (SELECT 1 FROM public.audit_message t WHERE t.channel_id = wanted AND t.state = 'waiting' AND t.kind = 'test');
    RETURN true;
END
$audit$
"""

CHANNEL_RESULTS = f"""
CREATE FUNCTION fence.channel_results()
RETURNS TABLE (channel_id uuid, failing_since timestamptz, sent_at timestamptz, tried_at timestamptz, answer text, waiting bigint, dead bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
    SELECT c.id, s.failing_since, s.sent_at, s.tried_at, s.answer,
        (SELECT count(*) FROM public.audit_message t WHERE t.channel_id = c.id AND t.state = 'waiting'),
        (SELECT count(*) FROM public.audit_message t WHERE t.channel_id = c.id AND t.state = 'dead')
    FROM public.audit_channel c LEFT JOIN public.audit_channelstate s ON s.channel_id = c.id
    WHERE c.workspace_id = fence.current_workspace() AND {KEEPER}
$audit$
"""

CHANNEL_MESSAGES = f"""
CREATE FUNCTION fence.channel_messages(wanted uuid)
RETURNS TABLE (id uuid, kind text, severity text, action text, total bigint, created_at timestamptz, attempts integer,
    state text, answer text, ended_at timestamptz, due_at timestamptz, entry_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
    SELECT t.id, t.kind, t.severity, t.action, t.total, t.created_at, t.attempts::integer, t.state, t.answer, t.ended_at,
        t.due_at, t.entry_id
    FROM public.audit_channel c JOIN public.audit_message t ON t.channel_id = c.id
    WHERE c.id = wanted AND c.workspace_id = fence.current_workspace() AND {KEEPER}
    ORDER BY t.created_at DESC, t.id DESC LIMIT 50
$audit$
"""

OPERATOR = """
    claims := fence.verified_claims(words, '{purpose}');
    IF NOT EXISTS (SELECT 1 FROM public.accounts_user u
        WHERE u.id = (claims->>'operator')::uuid AND u.is_operator AND u.is_active) THEN
        RAISE EXCEPTION 'only an operator may do this' USING ERRCODE = '42501';
    END IF;"""

KEEP_OPERATOR_CHANNEL = f"""
CREATE FUNCTION fence.keep_operator_channel(words text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
DECLARE
    claims jsonb;
    wanted uuid;
BEGIN {OPERATOR.format(purpose="operator channel")}
    wanted := (claims->>'id')::uuid;
    CASE claims->>'act'
    WHEN 'add' THEN
        INSERT INTO public.audit_operatorchannel (id, name, kind, shown, sealed, least, is_paused, heartbeat, created_at)
        VALUES (wanted, claims->>'name', claims->>'kind', claims->>'shown', claims->>'sealed', claims->>'least', false,
            claims->>'heartbeat' = 'yes', now());
    WHEN 'pause' THEN
        UPDATE public.audit_operatorchannel SET is_paused = true WHERE id = wanted AND NOT is_paused;
    WHEN 'resume' THEN
        UPDATE public.audit_operatorchannel SET is_paused = false WHERE id = wanted AND is_paused;
    WHEN 'remove' THEN
        DELETE FROM public.audit_operatorchannel WHERE id = wanted;
    END CASE;
    RETURN FOUND;
END
$audit$
"""

KEEP_RULE = f"""
CREATE FUNCTION fence.keep_rule(words text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
DECLARE
    claims jsonb;
    rule jsonb;
BEGIN {OPERATOR.format(purpose="notification rule")}
    IF claims->>'act' = 'remove' THEN
        DELETE FROM public.audit_tally WHERE rule_id = (claims->>'id')::uuid;
        DELETE FROM public.audit_rule WHERE id = (claims->>'id')::uuid;
        RETURN FOUND;
    END IF;
    rule := (claims->>'rule')::jsonb;
    INSERT INTO public.audit_rule (id, position, name, actions, reasons, severities, outcomes, route, per_minute, severity, is_on)
    SELECT (claims->>'id')::uuid, r.position, r.name, r.actions, r.reasons, r.severities, r.outcomes, r.route, r.per_minute, r.severity, r.is_on
    FROM jsonb_to_record(rule) AS r (position integer, name text, actions text[], reasons text[], severities text[],
        outcomes text[], route text, per_minute integer, severity text, is_on boolean)
    ON CONFLICT (id) DO UPDATE SET position = EXCLUDED.position, name = EXCLUDED.name, actions = EXCLUDED.actions,
        reasons = EXCLUDED.reasons, severities = EXCLUDED.severities, outcomes = EXCLUDED.outcomes, route = EXCLUDED.route,
        per_minute = EXCLUDED.per_minute, severity = EXCLUDED.severity, is_on = EXCLUDED.is_on;
    RETURN FOUND;
END
$audit$
"""

ACT_ON_OUTBOX = f"""
CREATE FUNCTION fence.act_on_outbox(words text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
DECLARE
    claims jsonb;
    wanted uuid;
BEGIN {OPERATOR.format(purpose="outbox")}
    wanted := (claims->>'id')::uuid;
    IF claims->>'act' = 'test' THEN
        IF NOT EXISTS (SELECT 1 FROM public.audit_operatorchannel c WHERE c.id = wanted) THEN
            RETURN false;
        END IF;
        INSERT INTO public.audit_message (id, channel_id, kind, severity, action, reason, total, more, folded, created_at,
            due_at, attempts, state, answer)
        SELECT {NEW_ID}, wanted, 'test', 'info', '', '', 0, 0, 0, now(), now(), 0, 'waiting', ''
        WHERE NOT EXISTS (SELECT 1 FROM public.audit_message t WHERE t.channel_id = wanted AND t.state = 'waiting' AND t.kind = 'test');
        RETURN true;
    END IF;
    -- Not as new: its receiver may have it, so it must neither be added to nor told in another.
    UPDATE public.audit_message t SET state = 'waiting', attempts = 1, due_at = now(), ended_at = NULL
    WHERE t.id = wanted AND t.state = 'dead' AND claims->>'act' = 'retry';
    RETURN FOUND;
END
$audit$
"""

FUNCTIONS = {
    "channels_of(uuid[], uuid[])": CHANNELS_OF,
    "keep_channel(text, uuid, jsonb)": KEEP_CHANNEL,
    "test_channel(uuid)": TEST_CHANNEL,
    "channel_results()": CHANNEL_RESULTS,
    "channel_messages(uuid)": CHANNEL_MESSAGES,
    "keep_operator_channel(text)": KEEP_OPERATOR_CHANNEL,
    "keep_rule(text)": KEEP_RULE,
    "act_on_outbox(text)": ACT_ON_OUTBOX,
}

# position, name, actions, reasons, severities, outcomes, route, per minute, severity
RULES = [
    (10, "A reserved name was sent", ["request.spoofed"], [], [], [], "", 0, "critical"),
    (20, "The database refused to leave a workspace", [], ["isolation"], [], [], "", 0, "critical"),
    (30, "A withdrawn session or key was used again", ["credential.refused"], [], ["critical"], [], "", 0, "critical"),
    (40, "A withdrawn operator's session was used again", ["operator.refused"], [], ["critical"], [], "", 0, "critical"),
    (50, "Somebody is locked out of the operators' sign-in", ["sign_in.throttled"], [], [], [], "/operator/", 0, "critical"),
    (60, "A background job was refused", ["job.refused"], [], [], [], "", 0, "critical"),
    (
        70,
        "The audit pipeline lost or could not read something",
        ["audit.line_unreadable", "audit.entry_rejected", "audit.entry_undescribed", "audit.delayed"],
        [],
        [],
        [],
        "",
        0,
        "critical",
    ),
    (80, "A system that has to answer is silent", [], ["outage"], [], [], "", 0, "critical"),
    (90, "Anything else that is critical", [], [], ["critical"], [], "", 0, "critical"),
    (100, "Sign-ins are being slowed down", ["sign_in.throttled"], [], [], [], "", 0, "warning"),
    (110, "The server failed", ["request.failed"], [], [], [], "", 0, "warning"),
    (120, "Somebody was let in at the server's terminal", ["person.added"], [], [], [], "", 0, "warning"),
    (210, "Many failed sign-ins", ["sign_in.failed"], [], [], [], "", 30, "warning"),
    (220, "Many failed sign-ins of operators", ["operator.sign_in_failed"], [], [], [], "", 5, "critical"),
    (290, "Many refusals and failures at once", [], [], [], ["denied", "failed", "error"], "", 300, "critical"),
]


def begin(apps, schema_editor):
    """Put the rules in place that an installation begins with."""
    rule = apps.get_model("audit", "Rule")
    names = ("position", "name", "actions", "reasons", "severities", "outcomes", "route", "per_minute", "severity")
    for values in RULES:
        rule.objects.using(schema_editor.connection.alias).create(**dict(zip(names, values, strict=True)))


def remove(apps, schema_editor):
    """Leave the table empty."""
    apps.get_model("audit", "Rule").objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    """Make the trigger, the functions and the first rules."""

    dependencies = [("audit", "0004_notices"), ("accounts", "0004_claims")]
    operations = [
        migrations.RunSQL(f"{TO_BE_HEARD} REVOKE ALL ON FUNCTION fence.audit_to_be_heard() FROM PUBLIC", NOT_HEARD),
        *(
            migrations.RunSQL(
                f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
            )
            for signature, definition in FUNCTIONS.items()
        ),
        migrations.RunPython(begin, remove),
    ]
