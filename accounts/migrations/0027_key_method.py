"""A key remembers how the session came in that made it, and a workspace that insists on single sign-on asks for that.

The provider alone does not say it: somebody whose password WorkOS verifies makes keys of WorkOS's as well, and these went on when the
workspace had begun to insist. Keys that such a workspace takes today it goes on taking, since nobody knows any more how they were made.
"""

from importlib import import_module

from django.db import migrations, models

# What was before; a module whose name begins with a digit is imported by name.
_RULES = import_module("accounts.migrations.0011_sign_in_rules")
_WARNINGS = import_module("accounts.migrations.0016_key_warnings")

_BEFORE, _NOW = "w.requires_sso AND c.provider = 'local'", "w.requires_sso AND c.method <> 'sso'"

RESOLVE_KEY = _RULES.RESOLVE_KEY.replace(_BEFORE, _NOW)
_ENDING_BEFORE = _WARNINGS.KEYS_ENDING.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
KEYS_ENDING = _ENDING_BEFORE.replace(_BEFORE, _NOW)

TAKEN_TODAY = (
    "UPDATE public.accounts_apikey k SET method = 'sso' FROM public.accounts_workspace w "
    "WHERE w.id = k.workspace_id AND w.requires_sso AND k.provider <> 'local'"
)


class Migration(migrations.Migration):
    """Add the column, and ask for it."""

    dependencies = [("accounts", "0026_own_identities")]
    operations = [
        migrations.AddField(
            model_name="apikey",
            name="method",
            field=models.CharField(blank=True, db_default="", default="", max_length=12),
        ),
        migrations.RunSQL(TAKEN_TODAY, migrations.RunSQL.noop),
        migrations.RunSQL(RESOLVE_KEY, _RULES.RESOLVE_KEY),
        migrations.RunSQL(KEYS_ENDING, _ENDING_BEFORE),
    ]
