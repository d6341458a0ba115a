"""What does the database itself need in order to tell a sealed context from a forged one?

Written once by the first migration of `accounts`, as the owner. The key stands in a table that no other role may read. What
is asked of an operator's visit besides was added by `accounts/migrations/0018_glass.py`, which counts.
"""

from typing import Final

CONTEXT_SETTING: Final = "fence.ctx"

SCHEMA: Final = """
CREATE SCHEMA fence;
REVOKE ALL ON SCHEMA fence FROM PUBLIC;
CREATE TABLE fence.context_key (key bytea NOT NULL CHECK (length(key) >= 32));
REVOKE ALL ON fence.context_key FROM PUBLIC;

-- Returns the sealed payload "workspace.member", or raises: a missing context is an error, never an empty answer.
CREATE FUNCTION fence.verified_payload() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $fence$
DECLARE
    context text := current_setting('fence.ctx', true);
    payload text;
    secret bytea;
BEGIN
    IF context IS NULL OR context = '' THEN
        RAISE EXCEPTION 'no workspace is bound' USING ERRCODE = '42501';
    END IF;
    payload := left(context, -65);
    SELECT key INTO STRICT secret FROM fence.context_key;
    IF right(context, 65) <> '.' || encode(sha256(secret || sha256(secret || convert_to(payload, 'UTF8'))), 'hex') THEN
        RAISE EXCEPTION 'the workspace context is not sealed' USING ERRCODE = '42501';
    END IF;
    RETURN payload;
END
$fence$;

CREATE FUNCTION fence.current_workspace() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $fence$
BEGIN
    RETURN left(fence.verified_payload(), 32)::uuid;
END
$fence$;

-- NULL for whole-workspace work, so that `owner_id = fence.current_member()` is true for nobody then.
CREATE FUNCTION fence.current_member() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $fence$
BEGIN
    RETURN nullif(substr(fence.verified_payload(), 34), '*')::uuid;
END
$fence$;

CREATE FUNCTION fence.is_whole() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $fence$
BEGIN
    RETURN substr(fence.verified_payload(), 34) = '*';
END
$fence$;

REVOKE ALL ON FUNCTION fence.verified_payload(), fence.current_workspace(), fence.current_member(), fence.is_whole() FROM PUBLIC;
"""

DROP_SCHEMA: Final = "DROP SCHEMA fence CASCADE"
