"""What came in with an import was asked and answered elsewhere, in its own time: it is not used here, today.

Only a context of the whole workspace is spared, which services on a list make, and injected SQL does not.
"""

from django.db import migrations

TODAY = "(now() AT TIME ZONE 'UTC')::date"
HEAD = """
CREATE OR REPLACE FUNCTION fence.count_message() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $use$
DECLARE
    talk public.conversations_conversation;
BEGIN"""
SPARED = """
    -- The owner of the tables writes without a context, of whom one cannot be asked.
    IF coalesce(current_setting('fence.ctx', true), '') <> '' THEN
        IF fence.is_whole() THEN
            RETURN NULL;
        END IF;
    END IF;"""
BODY = f"""
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


class Migration(migrations.Migration):
    """Put the new function in the place of the old."""

    dependencies = [("conversations", "0020_temporary")]
    operations = [migrations.RunSQL(f"{HEAD}{SPARED}{BODY}", f"{HEAD}{BODY}")]
