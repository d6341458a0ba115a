"""The questions of every request by a session or key of an outside provider, as functions: their plans are kept (see 0002)."""

from django.db import migrations

SESSION = """
CREATE FUNCTION identity_vendor_session(hash bytea, wanted_purpose varchar)
RETURNS TABLE (id uuid, subject varchar, email varchar, email_verified boolean, method varchar, expires_at timestamptz,
               vendor_session varchar, organization_id varchar, access_token bytea)
LANGUAGE plpgsql STABLE ROWS 1 AS $identity$
BEGIN
    RETURN QUERY
    SELECT s.id, s.subject, s.email, s.email_verified, s.method, s.expires_at, s.vendor_session, s.organization_id,
           s.access_token
      FROM identity_store_vendorsession s
     WHERE s.token_hash = hash AND s.purpose = wanted_purpose AND s.revoked_at IS NULL AND s.expires_at > now();
END
$identity$
"""

# Thirty seconds is how long a yes of the provider's is believed (it has no form that could be checked here).
KEY = """
CREATE FUNCTION identity_vendor_key(mac bytea)
RETURNS TABLE (id varchar, subject varchar, organization_id varchar, expires_at timestamptz, is_fresh boolean,
               is_over boolean)
LANGUAGE plpgsql STABLE ROWS 1 AS $identity$
BEGIN
    RETURN QUERY
    SELECT k.id, k.subject, k.organization_id, k.expires_at,
           coalesce(k.confirmed_at > now() - interval '30 seconds', false),
           k.revoked_at IS NOT NULL OR coalesce(k.expires_at <= now(), false)
      FROM identity_store_vendorkey k
     WHERE k.value_mac = mac;
END
$identity$
"""


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("identity_store", "0003_vendor")]
    operations = [
        migrations.RunSQL(SESSION, "DROP FUNCTION identity_vendor_session(bytea, varchar)"),
        migrations.RunSQL(KEY, "DROP FUNCTION identity_vendor_key(bytea)"),
    ]
