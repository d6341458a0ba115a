"""Is the demo what the README says, and can it be loaded again?"""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client as Browser
from pypdf import PdfReader

from accounts.identity import providers
from accounts.identity.base import Client
from accounts.models import Membership, Workspace
from accounts.scopes import EVERY
from accounts.tenancy.context import whole_workspace
from agents.models import Agent
from agents.retrieval import find, quotes
from aiaxis.demo import contents, people, rendering, sign_ins
from conversations.models import Citation, Conversation, Message
from tests import databases


@pytest.fixture(scope="module")
def demo(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Load the demo once: every document of it is really read."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        call_command("load_demo", verbosity=0)
        yield
        sign_ins.path().unlink()
        databases.put_back()


@pytest.fixture
def loaded(demo: None) -> sign_ins.SignIns:
    """What its file says. A test may load it again, which is what a demo must bear."""
    found = sign_ins.known()
    assert found is not None
    return found


def test_it_writes_who_can_sign_in_for_its_user_alone(loaded: sign_ins.SignIns) -> None:
    assert stat.S_IMODE(sign_ins.path().stat().st_mode) == 0o600
    told = json.loads(sign_ins.path().read_text())
    assert set(told) == {"url", "people", "api_keys", "operators"}
    assert {(one["workspace"], one["role"]) for one in told["people"]} == {
        ("Acme", "owner"),
        ("Acme", "member"),
        ("Acme", "viewer"),
        ("Birch", "owner"),
    }
    assert [one["email"] for one in told["operators"]] == ["olga@aiaxis.example"]
    assert all(len(one["password"]) >= 15 for one in (*told["people"], *told["operators"]))
    assert [one["workspace"] for one in told["api_keys"]] == ["Acme", "Birch"]
    assert all(set(one["scopes"]) == EVERY for one in told["api_keys"])


def test_everybody_in_it_can_sign_in(loaded: sign_ins.SignIns) -> None:
    for one in loaded["people"]:
        proof = providers.LOCAL.authenticate_password(
            email=one["email"], password=one["password"], client=Client(address="127.0.0.1", user_agent="test")
        )
        assert proof.identity.email == one["email"]


def test_its_operator_gets_into_the_console_with_the_code_that_the_command_prints(loaded: sign_ins.SignIns) -> None:
    (olga,) = loaded["operators"]
    client = Browser()
    response = client.post("/operator/sign-in/", {"email": olga["email"], "password": olga["password"]})
    assert response.headers["Location"] == "/operator/sign-in/second/"
    said = io.StringIO()
    call_command("demo_code", stdout=said)
    assert olga["email"] in said.getvalue()
    response = client.post("/operator/sign-in/second/", {"code": said.getvalue().split()[0]})
    assert response.headers["Location"] == "/operator/"
    assert client.get("/operator/").status_code == 200


def test_a_file_of_an_earlier_version_gets_a_second_factor_and_keeps_the_passwords(loaded: sign_ins.SignIns) -> None:
    earlier = json.loads(sign_ins.path().read_text())
    del earlier["operators"][0]["totp_secret"]
    sign_ins.path().write_text(json.dumps(earlier))
    call_command("load_demo", verbosity=0)
    again = sign_ins.known()
    assert again is not None
    assert again["operators"][0]["password"] == loaded["operators"][0]["password"]
    assert again["operators"][0]["totp_secret"] != loaded["operators"][0]["totp_secret"]


def test_the_command_for_codes_knows_nobody_but_the_demos_operators(loaded: sign_ins.SignIns) -> None:
    with pytest.raises(CommandError, match="no demo operator alice"):
        call_command("demo_code", "alice@acme.example")


def test_a_second_load_changes_nothing_but_the_address(loaded: sign_ins.SignIns, settings: object) -> None:
    settings.PORT = 9123  # type: ignore[attr-defined]  # pytest-django's wrapper takes any setting
    call_command("load_demo", verbosity=0)
    assert sign_ins.known() == {**loaded, "url": "http://127.0.0.1:9123"}


def test_a_lost_file_gives_new_passwords_and_no_second_people(loaded: sign_ins.SignIns) -> None:
    sign_ins.path().unlink()
    call_command("load_demo", verbosity=0)
    again = sign_ins.known()
    assert again is not None
    assert [one["email"] for one in again["people"]] == [one["email"] for one in loaded["people"]]
    assert again["people"][0]["password"] != loaded["people"][0]["password"]
    acme = Workspace.objects.using("owner").get(slug="acme")
    with whole_workspace(acme.pk):
        assert Membership.objects.filter(email="alice@acme.example").count() == 1


def test_each_owner_finds_a_finished_conversation_whose_answers_quote_the_files(loaded: sign_ins.SignIns) -> None:
    for owner in people.OWNERS:
        password = next(one["password"] for one in loaded["people"] if one["email"] == owner.email)
        with people.signed_in(owner, password):
            conversation = Conversation.objects.get(agent__name=contents.SHELVES[owner.workspace].agent)
            answers = list(Message.objects.filter(conversation=conversation, role=Message.Role.ASSISTANT))
            assert {answer.status for answer in answers} == {Message.Status.DONE}
            assert len(answers) == len(contents.SHELVES[owner.workspace].questions)
            cited = set(Citation.objects.filter(message__in=answers).values_list("file_name", flat=True))
            assert any(name.endswith(".pdf") for name in cited)
            assert cited <= set(contents.SHELVES[owner.workspace].documents)


@pytest.mark.parametrize("name", [name for shelf in contents.SHELVES.values() for name in shelf.documents])
def test_its_documents_are_real_ones(name: str) -> None:
    kind = name.rpartition(".")[2]
    content = rendering.render(kind, (contents.DOCUMENTS / f"{name}.md").read_text(encoding="utf-8"))
    if kind == "pdf":
        pages = PdfReader(io.BytesIO(content), strict=True).pages
        assert len(pages) >= 2
        assert all(len(page.extract_text()) > 200 for page in pages)
    else:
        assert content.startswith(b"PK\x03\x04")


# What a newcomer asks first, and what the answer must hold. The README says to ask the first of each.
FACTS = {
    "Acme": {
        "How long do schools have to return something?": "60 days",
        "How many days do schools have to send goods back?": "60 days",
        "Whom do I call when my laptop was stolen?": "security desk",
    },
    "Birch": {
        "What do we do when a gas line is hit?": "call 112",
        "How much water does a new tree need?": "80 litres",
    },
}


def test_an_answer_holds_the_fact_that_was_asked_for(loaded: sign_ins.SignIns) -> None:
    readme = " ".join((contents.DOCUMENTS.parents[2] / "README.md").read_text(encoding="utf-8").split())
    for owner in people.OWNERS:
        password = next(one["password"] for one in loaded["people"] if one["email"] == owner.email)
        facts = FACTS[owner.workspace]
        assert next(iter(facts)) in readme
        with people.signed_in(owner, password) as actor:
            agent = Agent.objects.get(name=contents.SHELVES[owner.workspace].agent)
            for question, fact in facts.items():
                first = quotes(find(agent, question, actor=actor))[0]
                assert fact in " ".join(first.text.split()), question
