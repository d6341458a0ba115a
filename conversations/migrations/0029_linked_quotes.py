"""A quote finds its passage again when its file was read anew."""

from django.db import migrations

# The passage that holds these very words at this very place of the same page, or none.
LINKED = """
    UPDATE public.conversations_citation q SET passage_id = found.passage FROM (
        SELECT DISTINCT ON (c.workspace_id, c.id) c.workspace_id, c.id AS quote, p.id AS passage
        FROM public.conversations_citation c JOIN public.files_passage p
            ON p.workspace_id = c.workspace_id AND p.file_id = c.file_id AND coalesce(p.page, -1) = coalesce(c.page, -1)
        WHERE c.passage_id IS NULL AND substr(p.text, c.start + 1, c."end" - c.start) = c.quote {of}
        ORDER BY c.workspace_id, c.id, p.position
    ) AS found WHERE q.workspace_id = found.workspace_id AND q.id = found.quote
"""
OF_ONE = "AND c.workspace_id = (SELECT fence.current_workspace()) AND c.file_id = paper"
# Whoever reads a file anew owns it, and its quotes are in the conversations of all who asked. Nobody chooses what is linked.
FUNCTION = f"""
CREATE FUNCTION fence.link_quotes(paper uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
{LINKED.format(of=OF_ONE)}
$fence$;
REVOKE ALL ON FUNCTION fence.link_quotes(uuid) FROM PUBLIC
"""


class Migration(migrations.Migration):
    """Make the function, and link what lost its passage before there was one."""

    dependencies = [("conversations", "0028_owner_of_parts")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION fence.link_quotes(uuid)"),
        migrations.RunSQL(LINKED.format(of=""), migrations.RunSQL.noop),
    ]
