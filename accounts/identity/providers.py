"""Which identity system answers for a credential?

A credential names its provider in the platform's row, so that people of two providers can sit in one workspace; a new
password sign-in asks the one that settings choose.
"""

from __future__ import annotations

from accounts.identity.base import Provider, Unavailable
from accounts.identity.local import LocalIdentity

LOCAL = LocalIdentity()
_PROVIDERS: dict[str, Provider] = {LOCAL.name: LOCAL}


def named(name: str) -> Provider:
    """The provider of this name. Raises ``Unavailable`` for one that is not configured: nobody can vouch, so nobody enters."""
    try:
        return _PROVIDERS[name]
    except KeyError:
        raise Unavailable(f"identity provider {name!r}") from None
