"""What operators do with whole workspaces and with jobs, as functions: they believe sealed claims of a live operator only.

Who the operator is, and whether their session lives, is asked by the same function as for every other act of theirs.
"""

from django.db import migrations

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

OPERATOR = """
    IF NOT EXISTS (SELECT 1 FROM fence.operator_behind(claims)) THEN
        RAISE EXCEPTION 'no operator is signed in' USING ERRCODE = '42501';
    END IF;"""

# Returns how many rows changed: an act that changes nothing came too late, and is told so. The last day is compared with
# the clock and not with the transaction's beginning, since the erasing does the same.
OPERATE_WORKSPACE = f"""
CREATE FUNCTION fence.operate_workspace(sealed text) RETURNS integer
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'operator.workspace');
    act text := claims->>'act';
    wanted uuid := (claims->>'workspace')::uuid;
    changed integer := 0;
BEGIN {OPERATOR}
    IF act = 'suspended' THEN
        UPDATE public.accounts_workspace SET status = 'suspended', status_reason = claims->>'reason'
        WHERE id = wanted AND status = 'active';
    ELSIF act = 'restored' THEN
        UPDATE public.accounts_workspace SET status = 'active', status_reason = ''
        WHERE id = wanted AND status = 'suspended';
    ELSIF act = 'closing' THEN
        UPDATE public.accounts_workspace SET status = 'closing', status_reason = claims->>'reason',
            erase_after = clock_timestamp() + make_interval(days => (claims->>'days')::integer)
        WHERE id = wanted AND status IN ('active', 'suspended');
    ELSIF act = 'reopened' THEN
        UPDATE public.accounts_workspace SET status = 'active', status_reason = '', erase_after = NULL
        WHERE id = wanted AND status = 'closing' AND erase_after > clock_timestamp();
    ELSE
        RAISE EXCEPTION 'no such act' USING ERRCODE = '22023';
    END IF;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$fence$
"""

# The job runner's own triggers name their tables without a schema; nobody but the owner can make anything in this one.
OPERATE_JOB = f"""
CREATE FUNCTION fence.operate_job(sealed text) RETURNS integer
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'operator.job');
    act text := claims->>'act';
    wanted bigint := (claims->>'job')::bigint;
    changed integer := 0;
BEGIN {OPERATOR}
    PERFORM set_config('search_path', 'pg_catalog, public, pg_temp', true);
    IF act = 'retried' THEN
        UPDATE public.procrastinate_jobs SET status = 'todo', attempts = 0, scheduled_at = NULL
        WHERE id = wanted AND status = 'failed';
    ELSIF act = 'discarded' THEN
        DELETE FROM public.procrastinate_jobs WHERE id = wanted AND status IN ('todo', 'failed');
    ELSE
        RAISE EXCEPTION 'no such act' USING ERRCODE = '22023';
    END IF;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$fence$
"""

FUNCTIONS = {"operate_workspace(text)": OPERATE_WORKSPACE, "operate_job(text)": OPERATE_JOB}


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("accounts", "0014_console"), ("audit", "0009_review_acts")]
    operations = [
        migrations.RunSQL(
            f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
        )
        for signature, definition in FUNCTIONS.items()
    ]
