"""What does WorkOS know of an organisation: which domains are its own, and who administers it?"""

from __future__ import annotations

from typing import Final

from accounts.identity.workos.connection import ONCE, current, translated

# The role that WorkOS makes for those who run an organisation there; others are of its customer's invention.
_ADMIN: Final = "admin"
_VERIFIED: Final = frozenset({"verified", "legacy_verified"})


class Organizations:
    """The part of the provider that answers questions about organisations."""

    def verified_domains(self, organization_id: str) -> tuple[str, ...]:
        """The domains that the organisation has shown to be its own, in lower case. Raises ``BadCredentials``, ``Unavailable``."""
        with translated():
            found = current().client.organizations.get_organization(organization_id, request_options=ONCE)
            return tuple(
                sorted(
                    one.domain.lower()
                    for one in found.domains
                    if one.state is not None and str(getattr(one.state, "value", one.state)) in _VERIFIED
                )
            )

    def administers(self, subject: str, *, organization_id: str) -> bool:
        """Does this person run the organisation, according to its own directory? Raises ``BadCredentials``, ``Unavailable``."""
        with translated():
            found = current().client.organization_membership.list_organization_memberships(
                user_id=subject, organization_id=organization_id, statuses=["active"], request_options=ONCE
            )
            return any(one.role.slug == _ADMIN for one in found.data)
