"""WorkOS, as a provider: the parts put together, and the protocol that they fulfil."""

from __future__ import annotations

from workos.user_management._resource import PasswordPlaintext  # exported nowhere else

from accounts.identity import tokens
from accounts.identity.asking import store_asked
from accounts.identity.base import BadCredentials, Client, Proof, SingleSignOn
from accounts.identity.base import Invitations as InvitationsProtocol
from accounts.identity.base import Provider as ProviderProtocol
from accounts.identity.store.models import VendorSession
from accounts.identity.workos import keys, webhooks
from accounts.identity.workos.connection import ONCE, current, translated
from accounts.identity.workos.invitations import Invitations
from accounts.identity.workos.keys import Keys
from accounts.identity.workos.organizations import Organizations
from accounts.identity.workos.proofs import PROVIDER
from accounts.identity.workos.sessions import Sessions


class WorkOSIdentity(Sessions, Keys, Organizations, Invitations):
    """People, sessions and keys that WorkOS vouches for."""

    name = PROVIDER

    def change_password(self, *, subject: str, current: str, new: str) -> Proof:
        """Replace the password at WorkOS, and end every session of the person, with that of the proof. Raises ``BadCredentials``."""
        proof = self.authenticate_password(email=_email_of(subject), password=current, client=Client("", ""))
        if proof.identity.subject != subject:
            raise BadCredentials
        _set_password(subject, new)
        self.abandon(proof)
        self.revoke_sessions(subject)
        return proof

    def is_signed(self, body: bytes, signature: str) -> bool:
        """Was this webhook signed by WorkOS a moment ago?"""
        return webhooks.is_signed(body, signature)

    def knew(self, credential: str) -> bool:
        """Was this token or key ever one of ours? Asks our own database only."""
        if tokens.is_vendor_key(credential):
            return keys.known(credential)
        rows = VendorSession.objects.filter(token_hash=tokens.identity_hash(credential))
        return store_asked(rows.exists)


def _email_of(subject: str) -> str:
    with translated():
        return str(current().client.user_management.get_user(subject, request_options=ONCE).email)


def _set_password(subject: str, new: str) -> None:
    with translated():
        current().client.user_management.update_user(
            subject, password=PasswordPlaintext(password=new), request_options=ONCE
        )


WORKOS = WorkOSIdentity()
# What a type checker has to be asked once, here: that all of the protocols is there.
_PROVIDER: ProviderProtocol = WORKOS
_SINGLE_SIGN_ON: SingleSignOn = WORKOS
_INVITATIONS: InvitationsProtocol = WORKOS
