"""What may a workspace's administrators know about the installation that they use?"""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.installation import parts
from accounts.models import Role


@require_GET
@role_required(Role.ADMIN)
def installation(request: TenantRequest) -> HttpResponse:
    """What is configured, what is not, and what that means."""
    return render(request, "accounts/installation.html", {"parts": parts(is_secure=request.is_secure())})
