"""How a confirmed address reaches the platform's copies of it, in every workspace of the person.

The application may not write users and memberships. Which person it is, and that they confirmed the address, only the
identity store knows; so the application says it in sealed claims, which injected SQL cannot make.
"""

from django.db import migrations

CHANGE_EMAIL = """
CREATE FUNCTION fence.change_email(sealed text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'change_email');
    person uuid;
    changed integer;
BEGIN
    SELECT l.user_id INTO person FROM public.accounts_identitylink l
     WHERE l.provider = claims->>'provider' AND l.subject = claims->>'subject';
    IF person IS NULL OR coalesce(claims->>'email', '') = '' THEN
        RAISE EXCEPTION 'nobody is linked to this identity' USING ERRCODE = '42501';
    END IF;
    UPDATE public.accounts_user SET email = lower(claims->>'email') WHERE id = person;
    UPDATE public.accounts_membership SET email = claims->>'email' WHERE user_id = person;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$fence$;
REVOKE ALL ON FUNCTION fence.change_email(text) FROM PUBLIC
"""


class Migration(migrations.Migration):
    """Make the function."""

    dependencies = [("accounts", "0011_sign_in_rules")]
    operations = [migrations.RunSQL(CHANGE_EMAIL, "DROP FUNCTION fence.change_email(text)")]
