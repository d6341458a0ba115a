"""Who counts what is used: triggers of the tables of which the numbers tell, so that whoever writes there is counted.

They run as the owner of the tables. A day is UTC's. A question counts for whose conversation it is; a request to a model for whoever
caused it, on the day on which it was made, and its settling only corrects that day. What was there before is counted once, here.
"""

from django.db import migrations

# A UUIDv7, as everywhere.
NEW_ID = """(SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || substr(gen_random_uuid()::text, 16)
        FROM lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') AS h)::uuid"""
TODAY = "(now() AT TIME ZONE 'UTC')::date"

COUNT_USE = f"""
CREATE FUNCTION fence.count_use(place uuid, who uuid, asked_agent uuid, whichever_day date, more_questions bigint,
    more_answers bigint, more_requests bigint, more_read bigint, more_written bigint, more_money bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $use$
DECLARE
    known uuid;
BEGIN
    IF asked_agent IS NULL THEN
        -- Of agents that are gone there may be several rows of a day, and any of them will do: nothing equals NULL.
        SELECT u.id INTO known FROM public.conversations_dailyuse u WHERE u.workspace_id = place AND u.day = whichever_day
            AND u.member_id = who AND u.agent_id IS NULL ORDER BY u.id LIMIT 1 FOR UPDATE;
    END IF;
    INSERT INTO public.conversations_dailyuse AS u (id, workspace_id, day, member_id, agent_id, questions, answers, requests,
        tokens_read, tokens_written, money)
    SELECT {NEW_ID}, place, whichever_day, who, asked_agent, more_questions, more_answers, more_requests, more_read,
        more_written, more_money WHERE known IS NULL
    ON CONFLICT (workspace_id, day, member_id, agent_id) DO UPDATE SET questions = u.questions + excluded.questions,
        answers = u.answers + excluded.answers, requests = u.requests + excluded.requests,
        tokens_read = u.tokens_read + excluded.tokens_read, tokens_written = u.tokens_written + excluded.tokens_written,
        money = u.money + excluded.money;
    UPDATE public.conversations_dailyuse u SET questions = u.questions + more_questions, answers = u.answers + more_answers,
        requests = u.requests + more_requests, tokens_read = u.tokens_read + more_read,
        tokens_written = u.tokens_written + more_written, money = u.money + more_money WHERE u.id = known;
END
$use$
"""

COUNT_MESSAGE = f"""
CREATE FUNCTION fence.count_message() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $use$
DECLARE
    talk public.conversations_conversation;
BEGIN
    SELECT * INTO talk FROM public.conversations_conversation c
        WHERE c.workspace_id = NEW.workspace_id AND c.id = NEW.conversation_id;
    IF FOUND THEN
        PERFORM fence.count_use(NEW.workspace_id, talk.owner_id, talk.agent_id, {TODAY},
            (NEW.role = 'user')::integer::bigint, (NEW.role <> 'user')::integer::bigint, 0, 0, 0, 0);
    END IF;
    RETURN NULL;
END
$use$
"""

COUNT_MODEL_USE = """
CREATE FUNCTION fence.count_model_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $use$
DECLARE
    made date := (NEW.created_at AT TIME ZONE 'UTC')::date;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM fence.count_use(NEW.workspace_id, NEW.member_id, NEW.agent_id, made, 0, 0, 1, NEW.tokens_read,
            NEW.tokens_written, NEW.money);
    ELSE
        PERFORM fence.count_use(NEW.workspace_id, NEW.member_id, NEW.agent_id, made, 0, 0, 0,
            NEW.tokens_read - OLD.tokens_read, NEW.tokens_written - OLD.tokens_written, NEW.money - OLD.money);
    END IF;
    RETURN NULL;
END
$use$
"""

# Of everybody for whoever keeps the workspace, of oneself for everybody: how many files and bytes, and of none its name.
STORED = """
CREATE FUNCTION fence.stored_by_member() RETURNS TABLE (member uuid, files bigint, bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $use$
    SELECT f.owner_id, count(*), coalesce(sum(f.size), 0)::bigint FROM public.files_file f
    WHERE f.workspace_id = (SELECT fence.current_workspace()) AND (f.owner_id = (SELECT fence.current_member())
        OR EXISTS (SELECT 1 FROM public.accounts_membership m WHERE m.workspace_id = (SELECT fence.current_workspace())
        AND m.id = (SELECT fence.current_member()) AND m.role IN ('owner', 'admin') AND m.status = 'active'))
    GROUP BY f.owner_id
$use$
"""

FUNCTIONS = {
    "count_use(uuid, uuid, uuid, date, bigint, bigint, bigint, bigint, bigint, bigint)": COUNT_USE,
    "count_message()": COUNT_MESSAGE,
    "count_model_use()": COUNT_MODEL_USE,
    "stored_by_member()": STORED,
}

TRIGGERS = {
    "conversations_message": {
        "conversations_question_counted": "AFTER INSERT ON conversations_message FOR EACH ROW WHEN (NEW.role = 'user') "
        "EXECUTE FUNCTION fence.count_message()",
        "conversations_answer_counted": "AFTER UPDATE OF status ON conversations_message FOR EACH ROW "
        "WHEN (NEW.role <> 'user' AND NEW.status = 'done' AND OLD.status <> 'done') "
        "EXECUTE FUNCTION fence.count_message()",
    },
    "agents_modeluse": {
        "conversations_request_counted": "AFTER INSERT ON agents_modeluse FOR EACH ROW "
        "EXECUTE FUNCTION fence.count_model_use()",
        "conversations_request_settled": "AFTER UPDATE OF tokens_read, tokens_written, money ON agents_modeluse "
        "FOR EACH ROW EXECUTE FUNCTION fence.count_model_use()",
    },
}

SO_FAR = """
INSERT INTO conversations_dailyuse (id, workspace_id, day, member_id, agent_id, questions, answers, requests, tokens_read,
    tokens_written, money)
SELECT gen_random_uuid(), workspace_id, day, member_id, agent_id, sum(questions), sum(answers), sum(requests), sum(tokens_read),
    sum(tokens_written), sum(money)
FROM (
    SELECT m.workspace_id, (m.created_at AT TIME ZONE 'UTC')::date AS day, c.owner_id AS member_id, c.agent_id,
        (m.role = 'user')::integer AS questions, (m.role <> 'user')::integer AS answers, 0 AS requests, 0 AS tokens_read,
        0 AS tokens_written, 0 AS money
    FROM conversations_message m JOIN conversations_conversation c ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id
    WHERE m.role = 'user' OR m.status = 'done'
    UNION ALL
    SELECT workspace_id, (created_at AT TIME ZONE 'UTC')::date, member_id, agent_id, 0, 0, 1, tokens_read, tokens_written, money
    FROM agents_modeluse
) AS used GROUP BY workspace_id, day, member_id, agent_id
"""


class Migration(migrations.Migration):
    """Make the functions, count what is there, and count from now on."""

    dependencies = [("conversations", "0007_daily_use"), ("files", "0007_glass")]
    operations = [
        *(
            migrations.RunSQL(
                f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
            )
            for signature, definition in FUNCTIONS.items()
        ),
        migrations.RunSQL(SO_FAR, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(f"CREATE TRIGGER {name} {what}", f"DROP TRIGGER {name} ON {table}")
            for table, found in TRIGGERS.items()
            for name, what in found.items()
        ),
    ]
