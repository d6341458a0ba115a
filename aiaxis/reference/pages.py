"""Where do developers read how the API is used?"""

from __future__ import annotations

from functools import cache
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts.access import public
from accounts.pagination import LARGEST_PAGE
from accounts.scopes import Scope
from accounts.submissions import LONGEST_KEY
from aiaxis.reference.examples import SAMPLES, WORDS
from aiaxis.reference.operations import shapes, subjects

FIRST: Final = 'export KEY=aiaxis_…\ncurl "{base}/api/v1/me" \\\n  -H "Authorization: Bearer $KEY"'
OPENAI: Final = (
    'client = openai.OpenAI(base_url="{base}/v1", api_key=key)\n'
    'client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "{question}"}}])'
)


@public
@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Every operation, for whoever builds against this installation: public, as the OpenAPI document is."""
    return render(request, "aiaxis/reference.html", {"told": _told()})


@cache
def _told() -> SafeString:
    """The same for everybody for as long as the process lives, so it is made once."""
    values = {
        "base": settings.PUBLIC_URL,
        "first": FIRST.format(base=settings.PUBLIC_URL),
        "openai": OPENAI.format(base=settings.PUBLIC_URL, model=SAMPLES["model"], question=WORDS["content"]),
        "scopes": Scope.choices,
        "largest_page": LARGEST_PAGE,
        "longest_key": LONGEST_KEY,
        "subjects": subjects(),
        "shapes": shapes(),
    }
    return render_to_string("aiaxis/_reference.html", values)
