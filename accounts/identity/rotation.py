"""What in the identity store lies under an older key, and how does it come under the newest?"""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Model

from accounts.identity import vault
from accounts.identity.store.models import Letter, SecondFactor, VendorInvitation, VendorSession
from accounts.sealed import Rotated

# Each encrypted column, with the name and the row that it is bound to.
PLACES: tuple[tuple[type[Model], str, str, Callable[[Model], str]], ...] = (
    (SecondFactor, "secret", "totp", lambda row: str(row.pk)),
    (VendorSession, "access_token", "access", lambda row: str(row.pk)),
    (VendorSession, "refresh_token", "refresh", lambda row: str(row.pk)),
    (VendorInvitation, "token", "invitation", lambda row: str(row.pk)),
    (Letter, "recipient", "recipient", lambda _: "letter"),
)


def rotate() -> Rotated:
    """Encrypt everything that lies under an older key anew. May be interrupted, and done again."""
    rotated = Rotated("Second factors, sessions and invitations by single sign-on, and letters", "IDENTITY_KEY")
    for model, column, field, place in PLACES:
        for row in model._default_manager.iterator():
            stored = bytes(getattr(row, column))
            if not stored or not vault.is_outdated(stored):
                rotated.kept += 1
                continue
            try:
                text = vault.opened(stored, field=field, row=place(row))
            except vault.SealBroken:
                rotated.closed += 1
                continue
            # Only where nobody wrote something newer in between.
            unchanged = model._default_manager.filter(pk=row.pk, **{column: stored})
            rotated.renewed += unchanged.update(**{column: vault.sealed(text, field=field, row=place(row))})
    return rotated
