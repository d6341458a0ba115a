"""What leaves as a mail, and what if the mail server does not take it?"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core import mail as outbox
from pytest_django import Settings

from accounts import mail


@pytest.fixture
def templates(settings: Settings, tmp_path: Path) -> None:
    """One event, whose words come from somebody else."""
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "greeted.subject.txt").write_text(
        "Hello\n{% autoescape off %}{{ name }}{% endautoescape %}\n", encoding="utf-8"
    )
    (folder / "greeted.txt").write_text(
        "{% extends 'mail/_base.txt' %}{% block body %}Dear {{ name }}{% endblock %}", encoding="utf-8"
    )
    (folder / "greeted.html").write_text(
        "{% extends 'mail/_base.html' %}{% block body %}<p>Dear {{ name }}</p>{% endblock %}", encoding="utf-8"
    )
    engine = settings.TEMPLATES[0]
    settings.TEMPLATES = [{**engine, "DIRS": [*engine["DIRS"], tmp_path]}]


@pytest.mark.usefixtures("templates")
def test_it_has_a_plain_and_a_marked_up_form_and_one_line_of_subject() -> None:
    mail.send("greeted", to="bob@acme.test", context={"name": "Bob & <b>Co</b>\r\nBcc: all@acme.test"})
    [message] = outbox.outbox
    assert message.subject == "Hello Bob & <b>Co</b> Bcc: all@acme.test"
    assert "Dear Bob & <b>Co</b>" in message.body
    assert "Dear Bob &amp; &lt;b&gt;Co&lt;/b&gt;" in message.message().as_string()
    assert message.recipients() == ["bob@acme.test"]


@pytest.mark.usefixtures("templates")
def test_a_mail_server_that_is_away_is_an_outage_and_no_crash(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with pytest.raises(mail.Undelivered):
        mail.send("greeted", to="bob@acme.test", context={"name": "Bob"})
