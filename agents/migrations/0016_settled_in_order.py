"""Whoever settles a call to a model takes the month's row first, as whoever reserves one does.

A call's row is counted by a trigger in the row of its day. To reserve is to lock the month and then the day; to settle was to lock
the day and then the month, so that two answers of one member to one agent could wait for each other, and the database broke one off.
"""

from importlib import import_module

from django.db import migrations

# The function as it was; a module whose name begins with a digit is imported by name.
SETTLE = import_module("agents.migrations.0007_model_functions").SETTLE.replace("CREATE ", "CREATE OR REPLACE ", 1)
_BEFORE = "    UPDATE public.agents_modeluse SET tokens_read"
MONTH_FIRST = """    PERFORM 1 FROM public.agents_monthlyuse u WHERE u.workspace_id = place AND u.month = call.month FOR UPDATE;
"""


class Migration(migrations.Migration):
    """Put the new function in the place of the old."""

    dependencies = [("agents", "0015_tool_functions")]
    operations = [migrations.RunSQL(SETTLE.replace(_BEFORE, f"{MONTH_FIRST}{_BEFORE}"), SETTLE)]
