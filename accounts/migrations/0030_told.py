"""That owners are told of what an operator did is not the operator's to prevent by dropping the letter."""

from importlib import import_module

from django.db import migrations

# What was before; a module whose name begins with a digit is imported by name.
_BEFORE = import_module("accounts.migrations.0015_operating").OPERATE_JOB.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
_DROP = "WHERE id = wanted AND status IN ('todo', 'failed')"
OPERATE_JOB = _BEFORE.replace(
    _DROP,
    f"""{_DROP}
            AND task_name NOT IN ('accounts.letters.glass_opened', 'accounts.letters.glass_closed',
                'accounts.letters.workspace_closed', 'accounts.letters.workspace_opened')""",
)


class Migration(migrations.Migration):
    """Put the new function in the place of the old."""

    dependencies = [("accounts", "0029_whatever_case")]
    operations = [migrations.RunSQL(OPERATE_JOB, _BEFORE)]
