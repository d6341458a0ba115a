"""What does every answer tell the browser that it must not do?

Outermost, so that errors, redirects and static files carry the headers as well. A thin wrapper over django-csp builds the policy:
no view can loosen it, and Django's own CSP can replace it in one place.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers then send `Origin: null` with a form, which CSRF checks must refuse. Nothing leaves this origin.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), xr-spatial-tracking=()"
    ),
    "X-Permitted-Cross-Domain-Policies": "none",
}
NONCE: Final = "{nonce}"
# What a download says of itself: stricter than any page's policy, and the only one that a view may set.
SANDBOX: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"


class SecurityHeadersMiddleware:
    """Sets the policy headers on every response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        # Built once: the policy is the same for every page but for the nonce.
        self.policy: str = build_policy(nonce=NONCE)
        self.hsts = _hsts()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with every header set; the nonce exists before any template or stream can ask for it."""
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]  # declared on TenantRequest
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers[name] = value
        if response.headers.get("Content-Security-Policy") != SANDBOX:
            response.headers["Content-Security-Policy"] = self.policy.replace(NONCE, nonce)
        if self.hsts:
            response.headers["Strict-Transport-Security"] = self.hsts
        if "Cache-Control" not in response.headers:
            # A shared computer's back button, and any cache on the way, must not show a page after its session ended.
            # WhiteNoise names its own lifetime for static files.
            response.headers["Cache-Control"] = "no-store"
        return response


def _hsts() -> str:
    seconds = int(settings.SECURE_HSTS_SECONDS)
    if not seconds:
        return ""
    subdomains = "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
    return f"max-age={seconds}{subdomains}{'; preload' if settings.SECURE_HSTS_PRELOAD else ''}"
