"""When are two spellings of an address the same address?"""

from __future__ import annotations

import unicodedata


def email_key(email: str) -> str:
    """The form in which addresses are compared: NFC and case-folded, nothing cleverer.

    Dropping dots or plus parts, or folding look-alikes, would make two people's mailboxes one account (incident L32).
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email.strip()).casefold())
