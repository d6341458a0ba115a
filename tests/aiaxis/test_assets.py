"""Does a browser ask for styles and scripts once, and get those of this version?"""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template.loader import render_to_string
from django.test import Client

from tests import doors
from tests.environment import ROOT

STYLES = ROOT / "aiaxis/static/aiaxis"


def test_what_a_page_names_is_kept_for_ever() -> None:
    """A minute later each page asked for fifteen files again, which weighed more than the page."""
    head = render_to_string("components/document_head.html")
    named = re.findall(r'href="([^"]+)"', head)
    assert len(named) > 10
    for address in named:
        answer = Client().get(address)
        assert "immutable" in answer["Cache-Control"], address
        plain = re.sub(r"\.[0-9a-f]{8}\.", ".", address.rpartition("/")[2])
        assert b"".join(answer) == (STYLES / plain).read_bytes()


def test_they_come_compressed_to_whoever_takes_that() -> None:
    address = staticfiles_storage.url("aiaxis/base.css")
    answer = Client().get(address, headers={"accept-encoding": "br, gzip"})
    assert (answer["Content-Encoding"], answer["Vary"]) == ("gzip", "Accept-Encoding")
    assert answer["Content-Type"].startswith("text/css")
    assert "immutable" in answer["Cache-Control"]
    assert gzip.decompress(answer.content) == (STYLES / "base.css").read_bytes()
    plain = [Client().get(address), Client().head(address, headers={"accept-encoding": "gzip"})]
    plain.append(Client().get(address, headers={"accept-encoding": "gzip", "range": "bytes=0-9"}))
    assert [one.has_header("Content-Encoding") for one in plain] == [False, False, False]
    whole = (STYLES / "base.css").read_bytes()
    assert [b"".join(one) for one in plain] == [whole, b"", whole[:10]]


@pytest.mark.parametrize("name", ["base.css", "base.0000abcd.css"])
def test_under_no_mark_or_another_versions_a_file_is_not_kept(name: str) -> None:
    answer = Client().get(f"/static/aiaxis/{name}")
    assert answer.status_code == 200
    assert b"".join(answer) == (STYLES / "base.css").read_bytes()
    assert answer["Cache-Control"] == "max-age=60, public"


@pytest.mark.django_db(databases=doors.DOORS)
def test_no_mark_leads_to_what_is_no_static_file() -> None:
    for path in ("/static/aiaxis/none.0000abcd.css", "/static/../settings.0000abcd.py", "/agents.0000abcd.css"):
        assert Client().get(path).status_code != 200, path
    assert staticfiles_storage.url("aiaxis/none.css") == "/static/aiaxis/none.css"


def test_while_developing_files_keep_their_names(settings: Any) -> None:
    settings.DEBUG = True
    assert staticfiles_storage.url("aiaxis/base.css") == "/static/aiaxis/base.css"
