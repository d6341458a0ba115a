"""Which key does a row get here, whatever its key was there?

Every row gets a new one, and whatever names it follows. The new key is a keyed hash of the old one, under a secret that lives as
long as one import: so nothing in an export can choose a key, name a row that is here already, or one of another workspace. Its time
stays, for it is what lists are sorted by.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from uuid import UUID

from accounts.models import Membership
from accounts.tenancy.models import new_id

_MEMBERS = Membership._meta.label


class Keys:
    """The keys of one import. Whoever the export was made for is whoever imports it."""

    def __init__(self, *, made_for: UUID, importer: UUID) -> None:
        self._secret = secrets.token_bytes(32)
        self._made_for = made_for
        self._importer = importer
        self._begun = new_id()

    def of(self, label: str, old: UUID) -> UUID:
        """The key here of what was a row of this model, with this key, there."""
        if label == _MEMBERS and old == self._made_for:
            return self._importer
        digest = hmac.new(self._secret, label.encode() + old.bytes, sha256).digest()
        # 48 bits of time, as a UUIDv7 has them; a key of another kind tells none.
        moment = old if old.version == 7 else self._begun
        raw = bytearray(moment.bytes[:6] + digest[:10])
        raw[6] = 0x70 | (raw[6] & 0x0F)
        raw[8] = 0x80 | (raw[8] & 0x3F)
        return UUID(bytes=bytes(raw))
