"""The function that believes sealed claims, for those functions that act for somebody who is in no workspace yet."""

from django.db import migrations

from accounts.tenancy import claims


class Migration(migrations.Migration):
    """Make the function."""

    dependencies = [("accounts", "0003_cache")]
    operations = [migrations.RunSQL(claims.FUNCTION, "DROP FUNCTION fence.verified_claims(text, text)")]
