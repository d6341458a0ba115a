"""What the fence does for conversations that are shared: it notes which files an answer quotes, tells whoever reads where an answer
stands that they may not see, and ends the sharing of somebody who is no longer there.
"""

from django.db import migrations

# What is quoted of a file that is gone already is of no file that anybody may open.
NOWHERE = "'00000000-0000-0000-0000-000000000000'::uuid"

# By a trigger, so that whatever writes a citation is heard: a source that was forgotten would be one that everybody may read.
NOTE_SOURCES = f"""
CREATE FUNCTION fence.note_sources() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
BEGIN
    UPDATE public.conversations_message m SET sources = ARRAY(
        SELECT unnest(m.sources) UNION SELECT coalesce(c.file_id, {NOWHERE}) FROM made c
            WHERE c.workspace_id = m.workspace_id AND c.message_id = m.id)
        WHERE (m.workspace_id, m.id) IN (SELECT c.workspace_id, c.message_id FROM made c);
    RETURN NULL;
END
$fence$;
REVOKE ALL ON FUNCTION fence.note_sources() FROM PUBLIC
"""  # noqa: S608 - our own words

SO_FAR = f"""
UPDATE conversations_message m SET sources = c.sources FROM (
    SELECT workspace_id, message_id, array_agg(DISTINCT coalesce(file_id, {NOWHERE})) AS sources
    FROM conversations_citation GROUP BY workspace_id, message_id
) AS c WHERE m.workspace_id = c.workspace_id AND m.id = c.message_id
"""  # noqa: S608 - our own words

# The rule of conversations/models.py (READABLE) once more, since the owner of the tables passes its policy: no word of an answer is
# told, only where in the conversation it stands, and nothing of a conversation that is not shared with the bound member.
UNSEEN = """
CREATE FUNCTION fence.unseen_answers(asked uuid) RETURNS TABLE (answer uuid, question uuid, place integer, liked integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
BEGIN
    RETURN QUERY SELECT m.id, m.parent_id, m.position, m.preference FROM public.conversations_message m
        WHERE m.workspace_id = fence.current_workspace() AND m.conversation_id = asked AND m.role = 'assistant'
        AND cardinality(m.sources) > 0
        AND EXISTS (SELECT 1 FROM public.conversations_conversation c
            WHERE c.workspace_id = fence.current_workspace() AND c.id = asked AND (c.visibility = 'workspace'
            OR (c.visibility = 'named' AND EXISTS (SELECT 1 FROM public.conversations_conversationshare s
                WHERE s.workspace_id = c.workspace_id AND s.conversation_id = c.id AND s.member_id = fence.current_member()))));
END
$fence$;
REVOKE ALL ON FUNCTION fence.unseen_answers(uuid) FROM PUBLIC
"""

# Nobody who is there could take back what somebody shared who has left, so it ends with them; and so does what was shared with them.
END_SHARING = """
CREATE FUNCTION fence.end_conversation_sharing(leaver uuid) RETURNS TABLE (conversation uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
    here uuid := fence.current_workspace();
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.accounts_membership m
        WHERE m.workspace_id = here AND m.id = leaver AND m.status = 'removed') THEN
        RETURN;
    END IF;
    DELETE FROM public.conversations_conversationshare s
        WHERE s.workspace_id = here AND (s.member_id = leaver OR s.owner_id = leaver);
    RETURN QUERY UPDATE public.conversations_conversation c SET visibility = 'private'
        WHERE c.workspace_id = here AND c.owner_id = leaver AND c.visibility <> 'private'
        RETURNING c.id;
END
$fence$;
REVOKE ALL ON FUNCTION fence.end_conversation_sharing(uuid) FROM PUBLIC
"""

TRIGGER = (
    "CREATE TRIGGER conversations_sources_noted AFTER INSERT ON conversations_citation REFERENCING NEW TABLE AS made "
    "FOR EACH STATEMENT EXECUTE FUNCTION fence.note_sources()"
)


class Migration(migrations.Migration):
    """Make the functions, note what is there, and note from now on."""

    dependencies = [("conversations", "0018_shared"), ("files", "0007_glass")]
    operations = [
        migrations.RunSQL(NOTE_SOURCES, "DROP FUNCTION fence.note_sources()"),
        migrations.RunSQL(SO_FAR, migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER conversations_sources_noted ON conversations_citation"),
        migrations.RunSQL(UNSEEN, "DROP FUNCTION fence.unseen_answers(uuid)"),
        migrations.RunSQL(END_SHARING, "DROP FUNCTION fence.end_conversation_sharing(uuid)"),
    ]
