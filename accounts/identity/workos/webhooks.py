"""Was this webhook signed by WorkOS a moment ago?"""

from __future__ import annotations

from django.conf import settings
from workos import WorkOSError

from accounts.identity.workos.connection import current


def is_signed(body: bytes, signature: str) -> bool:
    """Verify the signature and its age (three minutes). What the body says is nobody's business here."""
    secret = settings.WORKOS_WEBHOOK_SECRET
    if not secret or not signature:
        # Without a secret of ours anybody could sign with the empty one.
        return False
    try:
        current().client.webhooks.verify_event(event_body=body, event_signature=signature, secret=secret)
    except (ValueError, TypeError):
        # A wrong or old signature, or one that is not ASCII, which the SDK's comparison answers with a TypeError.
        return False
    except (WorkOSError, KeyError, AttributeError):
        # Rightly signed, and of a form that this SDK does not know: it is WorkOS all the same.
        return True
    return True
