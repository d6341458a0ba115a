"""A question counts when it is asked. What a program sends along of what was said before was asked, and counted, then."""

from importlib import import_module

from django.db import migrations

# The function as it was; a module whose name begins with a digit is imported by name.
_BEFORE = import_module("conversations.migrations.0021_imported_uncounted")
HEAD, SPARED, BODY = _BEFORE.HEAD, _BEFORE.SPARED, _BEFORE.BODY

# The rows of one statement are all there when the first of them is counted, and only what was said before has something done after it.
SAID_BEFORE = """
    IF NEW.role = 'user' AND EXISTS (SELECT 1 FROM public.conversations_message m WHERE m.workspace_id = NEW.workspace_id
        AND m.conversation_id = NEW.conversation_id AND m.parent_id = NEW.id AND m.status = 'done') THEN
        RETURN NULL;
    END IF;"""


class Migration(migrations.Migration):
    """Put the new function in the place of the old."""

    dependencies = [("conversations", "0026_suspended_sharing")]
    operations = [migrations.RunSQL(f"{HEAD}{SPARED}{SAID_BEFORE}{BODY}", f"{HEAD}{SPARED}{BODY}")]
