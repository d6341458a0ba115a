"""What an agent's owner learns of its ratings: asked of the fence, which names neither an author nor an answer.

A policy shows a rating to its author alone. Both functions ask whether the bound member owns the agent, as it is now.
"""

from django.db import migrations

OWNED = """EXISTS (SELECT 1 FROM public.agents_agent a WHERE a.workspace_id = fence.current_workspace()
            AND a.id = asked AND a.owner_id = fence.current_member())"""

COUNTS = f"""
CREATE FUNCTION fence.feedback_counts(asked uuid) RETURNS TABLE (helpful bigint, unhelpful bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
BEGIN
    RETURN QUERY SELECT count(*) FILTER (WHERE f.is_helpful), count(*) FILTER (WHERE NOT f.is_helpful)
        FROM public.conversations_feedback f
        WHERE f.workspace_id = fence.current_workspace() AND f.agent_id = asked
        AND {OWNED};
END
$fence$;
REVOKE ALL ON FUNCTION fence.feedback_counts(uuid) FROM PUBLIC
"""  # noqa: S608 - our own words

COMMENTS = f"""
CREATE FUNCTION fence.feedback_comments(asked uuid) RETURNS TABLE (is_helpful boolean, comment text, day date)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
BEGIN
    RETURN QUERY SELECT f.is_helpful, f.comment::text, (f.updated_at AT TIME ZONE 'UTC')::date
        FROM public.conversations_feedback f
        WHERE f.workspace_id = fence.current_workspace() AND f.agent_id = asked
        AND f.is_passed_on AND f.comment <> ''
        AND {OWNED}
        ORDER BY f.updated_at DESC, f.id LIMIT 100;
END
$fence$;
REVOKE ALL ON FUNCTION fence.feedback_comments(uuid) FROM PUBLIC
"""  # noqa: S608 - our own words


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("conversations", "0015_feedback"), ("agents", "0008_glass")]
    operations = [
        migrations.RunSQL(COUNTS, "DROP FUNCTION fence.feedback_counts(uuid)"),
        migrations.RunSQL(COMMENTS, "DROP FUNCTION fence.feedback_comments(uuid)"),
    ]
