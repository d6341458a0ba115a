"""How does AiAxis write to somebody?

Each mail is three templates, ``templates/mail/<event>.subject.txt``, ``.txt`` and ``.html``; which program delivers it is
a setting. A mail leaves a background job or a round of the worker and never a request: a mail server that is slow would
hold the page, and the time would say whether there was anybody to write to.
"""

from __future__ import annotations

from collections.abc import Mapping
from smtplib import SMTPException
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string


class Undelivered(Exception):
    """The mail server did not take the mail, or could not be reached. It may later."""


def send(event: str, *, to: str, context: Mapping[str, Any], message_id: str = "") -> None:
    """Write the mail of this event and hand it to the mail server. Raises ``Undelivered``.

    With ``message_id`` the mail carries it, so that a program which has had it already can tell.
    """
    values = {**context, "public_url": settings.PUBLIC_URL}
    subject = " ".join(render_to_string(f"mail/{event}.subject.txt", values).split())
    message = EmailMultiAlternatives(subject, render_to_string(f"mail/{event}.txt", values).strip() + "\n", to=[to])
    if message_id:
        message.extra_headers["Message-ID"] = f"<{message_id}@{urlsplit(settings.PUBLIC_URL).hostname}>"
    message.attach_alternative(render_to_string(f"mail/{event}.html", values), "text/html")
    try:
        message.send()
    except (SMTPException, OSError) as error:
        raise Undelivered(f"{event}: {type(error).__name__}") from error


def link(path: str) -> str:
    """The address of a page of this installation, as somebody outside has to type it."""
    return f"{settings.PUBLIC_URL}{path}"
