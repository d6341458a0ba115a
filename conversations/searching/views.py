"""At which page does a member search in their conversations?"""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.http import TenantRequest
from conversations.searching import queries
from conversations.searching.forms import SearchForm

PAGE_SIZE = 20


@require_GET
def search(request: TenantRequest) -> HttpResponse:
    """Show where in the member's own conversations the words stand."""
    form = SearchForm(request.GET)
    words = form.cleaned_data["q"].strip() if form.is_valid() else ""
    context: dict[str, object] = {"form": form, "words": words}
    if words:
        context["page"] = queries.found(words, request.tenant.membership_id, request.GET.get("cursor"), PAGE_SIZE)
    return render(request, "conversations/search.html", context, status=200 if form.is_valid() else 422)
