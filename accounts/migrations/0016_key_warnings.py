"""Which keys are about to end, so that their owners can be told: ids for the application's round, to sealed claims alone."""

from django.db import migrations, models

# A key whose whole life is no longer than the warning needs none: whoever made it has just said so. What opens nothing any more for
# another reason is nobody's worry.
KEYS_ENDING = """
CREATE FUNCTION fence.keys_ending(sealed text, most integer)
RETURNS TABLE (workspace_id uuid, membership_id uuid, key_id uuid, days integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
BEGIN
    PERFORM fence.verified_claims(sealed, 'keys_ending');
    RETURN QUERY
    SELECT c.workspace_id, c.membership_id, c.id, due.days
      FROM public.accounts_apikey c
      JOIN public.accounts_membership m ON m.workspace_id = c.workspace_id AND m.id = c.membership_id AND m.status = 'active'
      JOIN public.accounts_user u ON u.id = m.user_id AND u.is_active
      JOIN public.accounts_workspace w ON w.id = c.workspace_id AND w.status = 'active'
     CROSS JOIN LATERAL (SELECT CASE WHEN c.expires_at <= now() + interval '1 day' THEN 1 ELSE 7 END AS days) due
     WHERE c.revoked_at IS NULL AND c.expires_at > now() AND c.expires_at <= now() + interval '7 days'
       AND c.created_at < c.expires_at - make_interval(days => due.days)
       AND (c.warned_days IS NULL OR c.warned_days > due.days)
       AND NOT (w.requires_sso AND c.provider = 'local')
     ORDER BY c.expires_at LIMIT most;
END
$fence$;
REVOKE ALL ON FUNCTION fence.keys_ending(text, integer) FROM PUBLIC
"""


class Migration(migrations.Migration):
    """Add the mark and the function."""

    dependencies = [
        ('accounts', '0015_operating'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='warned_days',
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(condition=models.Q(('revoked_at__isnull', True)), fields=['expires_at'], name='accounts_apikey_ending'),
        ),
        migrations.RunSQL(KEYS_ENDING, "DROP FUNCTION fence.keys_ending(text, integer)"),
    ]
