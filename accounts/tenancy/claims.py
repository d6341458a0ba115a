"""What may a function with the owner's rights believe that the application tells it about somebody who is in no workspace yet?

Whoever accepts an invitation, or comes in by a rule of their company's domain, is bound to no workspace, so no sealed
context speaks for them; and what the identity system said about them, PostgreSQL cannot ask for. So the application says it
in claims under the same key as the context, for one purpose and for a minute. Injected SQL can call the function; it cannot
make the claims.
"""

from __future__ import annotations

import base64
import json
import time
from hashlib import sha256
from typing import Final

from django.conf import settings

MARK: Final = "claims:"
"""Begins every claim, and no context: neither can be taken for the other, though one key seals both."""
LIFETIME_SECONDS: Final = 60

FUNCTION: Final = """
CREATE FUNCTION fence.verified_claims(sealed text, wanted_purpose text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
    payload text := left(sealed, -65);
    secret bytea;
    claims jsonb;
BEGIN
    SELECT key INTO STRICT secret FROM fence.context_key;
    IF sealed IS NULL OR left(payload, 7) <> 'claims:'
        OR right(sealed, 65) <> '.' || encode(sha256(secret || sha256(secret || convert_to(payload, 'UTF8'))), 'hex') THEN
        RAISE EXCEPTION 'the claims are not sealed' USING ERRCODE = '42501';
    END IF;
    claims := convert_from(decode(substr(payload, 8), 'base64'), 'UTF8')::jsonb;
    IF claims->>'purpose' IS DISTINCT FROM wanted_purpose
        OR (claims->>'until')::double precision < extract(epoch FROM clock_timestamp()) THEN
        RAISE EXCEPTION 'the claims are for something else, or over' USING ERRCODE = '42501';
    END IF;
    RETURN claims;
END
$fence$;
REVOKE ALL ON FUNCTION fence.verified_claims(text, text) FROM PUBLIC
"""


def sealed(purpose: str, **claims: str | None) -> str:
    """Return the claims in the form that ``fence.verified_claims`` accepts for this purpose, for the next minute."""
    body = {**claims, "purpose": purpose, "until": time.time() + LIFETIME_SECONDS}
    payload = MARK + base64.b64encode(json.dumps(body, ensure_ascii=False, sort_keys=True).encode()).decode()
    inner = sha256(settings.FENCE_KEY + payload.encode()).digest()
    return f"{payload}.{sha256(settings.FENCE_KEY + inner).hexdigest()}"
