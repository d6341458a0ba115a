"""Who may say where questions go, and what may be used: functions that ask for themselves.

The sealed context says who it is and where; the role is asked for now. The counters know no call that sets them back: a request is
counted, as what it may come to, before it is made, and only the one that was counted is settled, once.
"""

from django.db import migrations

KEEPER = """EXISTS (SELECT 1 FROM public.accounts_membership m WHERE m.workspace_id = fence.current_workspace()
        AND m.id = fence.current_member() AND m.role IN ('owner', 'admin') AND m.status = 'active')"""

# A UUIDv7, as everywhere.
NEW_ID = """(SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || substr(gen_random_uuid()::text, 16)
        FROM lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') AS h)::uuid"""

MONTH = "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')"

KEEP_PROVIDER = f"""
CREATE FUNCTION fence.keep_model_provider(act text, wanted uuid, words jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $agents$
DECLARE
    place uuid := fence.current_workspace();
BEGIN
    IF NOT ({KEEPER}) THEN
        RAISE EXCEPTION 'only owners and administrators may do this' USING ERRCODE = '42501';
    END IF;
    CASE act
    WHEN 'add' THEN
        INSERT INTO public.agents_modelprovider (id, workspace_id, name, kind, base_url, sealed, hint, offered, price_read,
            price_written, created_at, changed_at)
        SELECT wanted, place, r.name, r.kind, r.base_url, r.sealed, r.hint, r.offered, r.price_read, r.price_written, now(), now()
        FROM jsonb_to_record(words) AS r (name text, kind text, base_url text, sealed text, hint text, offered text[],
            price_read bigint, price_written bigint)
        WHERE (SELECT count(*) FROM public.agents_modelprovider p WHERE p.workspace_id = place) < 20;
    WHEN 'change' THEN
        UPDATE public.agents_modelprovider p SET name = r.name, base_url = r.base_url, sealed = r.sealed, hint = r.hint,
            offered = r.offered, price_read = r.price_read, price_written = r.price_written, changed_at = now()
        FROM jsonb_to_record(words) AS r (name text, base_url text, sealed text, hint text, offered text[],
            price_read bigint, price_written bigint)
        WHERE p.id = wanted AND p.workspace_id = place;
    WHEN 'remove' THEN
        DELETE FROM public.agents_modelprovider WHERE id = wanted AND workspace_id = place;
    END CASE;
    RETURN FOUND;
END
$agents$
"""

KEEP_BUDGET = f"""
CREATE FUNCTION fence.keep_budget(requests bigint, tokens bigint, money bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $agents$
#variable_conflict use_column
DECLARE
    place uuid := fence.current_workspace();
BEGIN
    IF NOT ({KEEPER}) THEN
        RAISE EXCEPTION 'only owners and administrators may do this' USING ERRCODE = '42501';
    END IF;
    INSERT INTO public.agents_budget AS b (id, workspace_id, name, requests, tokens, money)
    VALUES ({NEW_ID}, place, 'models', keep_budget.requests, keep_budget.tokens, keep_budget.money)
    ON CONFLICT (workspace_id, name) DO UPDATE SET requests = excluded.requests, tokens = excluded.tokens, money = excluded.money;
    -- By the new limits a warning, or a stop, may be news again.
    UPDATE public.agents_monthlyuse SET warned_at = NULL, stopped_at = NULL WHERE workspace_id = place AND month = {MONTH};
END
$agents$
"""

# Answers 'ok'; 'near' when four fifths of a limit are passed for the first time this month; 'stop' when a limit would be passed,
# 'stopped' when that happens for the first time; each with the limit's name.
RESERVE = f"""
CREATE FUNCTION fence.reserve_model_use(wanted uuid, asked_agent uuid, asked_provider uuid, asked_model text,
    may_read bigint, may_write bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $agents$
DECLARE
    place uuid := fence.current_workspace();
    provider public.agents_modelprovider;
    used public.agents_monthlyuse;
    budget public.agents_budget;
    cost bigint;
    limits text;
BEGIN
    SELECT * INTO provider FROM public.agents_modelprovider p WHERE p.workspace_id = place AND p.id = asked_provider;
    IF NOT FOUND OR may_read < 0 OR may_write < 0 THEN
        RAISE EXCEPTION 'nothing can be reserved for this' USING ERRCODE = '22023';
    END IF;
    cost := ceil((may_read * coalesce(provider.price_read, 0) + may_write * coalesce(provider.price_written, 0)) / 1000000.0);
    INSERT INTO public.agents_monthlyuse (id, workspace_id, month, requests, tokens, money)
    VALUES ({NEW_ID}, place, {MONTH}, 0, 0, 0) ON CONFLICT (workspace_id, month) DO NOTHING;
    -- Requests of one workspace are counted one after another, so that two do not both find the last place.
    SELECT * INTO used FROM public.agents_monthlyuse u WHERE u.workspace_id = place AND u.month = {MONTH} FOR UPDATE;
    SELECT * INTO budget FROM public.agents_budget b WHERE b.workspace_id = place AND b.name = 'models';
    limits := CASE WHEN used.requests + 1 > budget.requests THEN 'requests'
        WHEN used.tokens + may_read + may_write > budget.tokens THEN 'tokens'
        WHEN used.money + cost > budget.money THEN 'money' END;
    IF limits IS NOT NULL THEN
        UPDATE public.agents_monthlyuse SET stopped_at = coalesce(stopped_at, now()) WHERE id = used.id;
        RETURN CASE WHEN used.stopped_at IS NULL THEN 'stopped ' ELSE 'stop ' END || limits;
    END IF;
    INSERT INTO public.agents_modeluse (id, workspace_id, member_id, agent_id, provider_id, model, month, tokens_read,
        tokens_written, money, created_at)
    VALUES (wanted, place, fence.current_member(), asked_agent, asked_provider, asked_model, used.month, may_read, may_write,
        cost, now());
    UPDATE public.agents_monthlyuse u SET requests = u.requests + 1, tokens = u.tokens + may_read + may_write,
        money = u.money + cost WHERE u.id = used.id RETURNING * INTO used;
    limits := CASE WHEN used.requests * 5 >= budget.requests * 4 THEN 'requests'
        WHEN used.tokens * 5 >= budget.tokens * 4 THEN 'tokens'
        WHEN used.money * 5 >= budget.money * 4 THEN 'money' END;
    IF limits IS NOT NULL AND used.warned_at IS NULL THEN
        UPDATE public.agents_monthlyuse SET warned_at = now() WHERE id = used.id;
        RETURN 'near ' || limits;
    END IF;
    RETURN 'ok';
END
$agents$
"""

SETTLE = """
CREATE FUNCTION fence.settle_model_use(wanted uuid, was_read bigint, was_written bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $agents$
DECLARE
    place uuid := fence.current_workspace();
    call public.agents_modeluse;
    cost bigint;
BEGIN
    SELECT * INTO call FROM public.agents_modeluse c WHERE c.workspace_id = place AND c.id = wanted
        AND c.member_id = fence.current_member() AND c.settled_at IS NULL FOR UPDATE;
    IF NOT FOUND OR was_read < 0 OR was_written < 0 THEN
        RETURN false;
    END IF;
    SELECT ceil((was_read * coalesce(p.price_read, 0) + was_written * coalesce(p.price_written, 0)) / 1000000.0) INTO cost
    FROM public.agents_modelprovider p WHERE p.workspace_id = place AND p.id = call.provider_id;
    cost := coalesce(cost, call.money);
    UPDATE public.agents_modeluse SET tokens_read = was_read, tokens_written = was_written, money = cost, settled_at = now()
    WHERE id = call.id;
    UPDATE public.agents_monthlyuse u SET tokens = u.tokens - call.tokens_read - call.tokens_written + was_read + was_written,
        money = u.money - call.money + cost WHERE u.workspace_id = place AND u.month = call.month;
    RETURN true;
END
$agents$
"""

FUNCTIONS = {
    "keep_model_provider(text, uuid, jsonb)": KEEP_PROVIDER,
    "keep_budget(bigint, bigint, bigint)": KEEP_BUDGET,
    "reserve_model_use(uuid, uuid, uuid, text, bigint, bigint)": RESERVE,
    "settle_model_use(uuid, bigint, bigint)": SETTLE,
}


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("agents", "0006_model_providers")]
    operations = [
        migrations.RunSQL(
            f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
        )
        for signature, definition in FUNCTIONS.items()
    ]
