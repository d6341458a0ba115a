"""Somebody has proved who they are: where do they go in?

Every way in ends here, whatever it took: a password, a second factor, a company's own sign-in. In this order: the invitation that they
came with; the places that are theirs already; the invitation that they accepted at WorkOS; what their organisation's verified domain
opens. Nothing else ever makes a member.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from accounts import cookies
from accounts.identity.base import Proof
from accounts.queries import Place
from accounts.services import invitations, organizations, sign_ins
from accounts.services.members import Refused
from accounts.views import attempts


def arrive(request: HttpRequest, proof: Proof, *, email: str, wanted: str) -> HttpResponseBase:
    """In, to the one workspace of this person, or on to the page that asks which. Raises ``sign_ins.NoPlace``."""
    joined = _by_invitation(request, proof)
    if joined is not None:
        return joined
    places = _places(proof)
    if len(places) > 1:
        return ask_where(request, proof, wanted=wanted)
    opened = sign_ins.open_at(places[0], proof=proof, client=attempts.client_of(request))
    return attempts.enter(request, opened, email=email, to=attempts.safe_next(request, wanted))


def ask_where(request: HttpRequest, proof: Proof, *, wanted: str) -> HttpResponseBase:
    """On to the page that asks which of several workspaces; a cookie of ten minutes remembers the proof."""
    response = redirect(reverse("accounts:choose", query={"next": attempts.safe_next(request, wanted)}))
    token = sign_ins.begin_choice(proof, client=attempts.client_of(request))
    cookies.give(response, cookies.CHOOSING, token, seconds=sign_ins.CHOICE_SECONDS)
    cookies.take(response, cookies.SECOND)
    return response


def _by_invitation(request: HttpRequest, proof: Proof) -> HttpResponseBase | None:
    """Join by the invitation with which this browser came to the sign-in; None if there is none that can be accepted."""
    token = request.COOKIES.get(cookies.INVITATION, "")
    if not token:
        return None
    email = proof.identity.email
    try:
        place = invitations.accept(token, proof=proof, name=email.partition("@")[0])
    except Refused as refusal:
        messages.warning(request, invitations.ACCEPTING[refusal.why])
        return None
    opened = sign_ins.open_at(place, proof=proof, client=attempts.client_of(request))
    return attempts.enter(request, opened, email=email, to="/")


def _places(proof: Proof) -> list[Place]:
    try:
        return sign_ins.places(proof.identity)
    except sign_ins.NoPlace:
        return _new_places(proof)


def _new_places(proof: Proof) -> list[Place]:
    try:
        return [invitations.accept_elsewhere(proof, name=proof.identity.email.partition("@")[0])]
    except Refused:
        # Nobody invited them, or the invitation is over here, whatever WorkOS says.
        pass
    try:
        return organizations.enter_by_domain(proof)
    except Refused:
        raise sign_ins.NoPlace from None
