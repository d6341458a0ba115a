"""What is a request, before any code of ours sees it?

Django makes its request outside every middleware: what it stumbles over there is answered by the web server with a bare 500, and
stands in no trail. So nothing that a client writes may make it stumble.
"""

from __future__ import annotations

from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters


class Request(WSGIRequest):
    """A request that can be made of whatever content type a client names."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        """Read the type, and no encoding: everything here is UTF-8, as the standard says of forms and of JSON.

        Django believes a client's `charset`, which may be one that Python knows and that is none of text (`hex`, `undefined`). Then
        reading the query fails, and so does each page that says so.
        """
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except ValueError:
            # Parameters in an encoding that there is none of (RFC 2231). It is no type that anything here takes.
            self.content_type, self.content_params = "", {}


class Application(WSGIHandler):
    """What a web server calls for each request."""

    request_class = Request


def application() -> Application:
    """Set Django up and give what a web server calls, as Django's own `get_wsgi_application` does."""
    django.setup(set_prefix=False)
    return Application()
