"""Can a key that was entered once be seen again, sent elsewhere, or used from a row that somebody moved?"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2
import pytest
from django.db import connection
from pytest_django import Settings

from accounts.http import NotVisible
from accounts.outbound import Forbidden
from accounts.outbound.streaming import Limits, PinnedTransport, Place
from agents import signals
from agents.unfit import Unfit
from agents.vendors import services, vault
from agents.vendors.models import Kind, ModelProvider
from conversations.models import Message
from tests import doors
from tests.cast import ACME, ADA, ALICE, BIRCH, BOB, VERA, acting
from tests.conversations.stage import answered
from tests.vendors.faults import Fault
from tests.vendors.server import KEY, Double
from tests.vendors.stage import provider, words, writer

pytestmark = pytest.mark.django_db(databases=doors.DOORS)


def test_a_sealed_key_opens_in_its_own_place_only() -> None:
    """L12, L44: another workspace, row, kind or address opens nothing."""
    own: dict[str, Any] = {
        "workspace": ACME.id,
        "provider": uuid4(),
        "kind": "openai",
        "base_url": "https://api.example/v1",
    }
    sealed = vault.sealed("sk-secret", **own)
    assert "sk-secret" not in sealed
    assert vault.opened(sealed, **own) == "sk-secret"
    others = {"workspace": BIRCH.id, "provider": uuid4(), "kind": "anthropic", "base_url": "https://evil.example/v1"}
    for name, other in others.items():
        with pytest.raises(vault.Unopened):
            vault.opened(sealed, **{**own, name: other})


def test_a_row_that_was_moved_past_us_is_never_called(vendor: Double) -> None:
    """L12: whoever can write the database, and has not the master key, turns no question to an address of theirs."""
    provider(vendor)
    with Double() as other, acting(ADA):
        row = ModelProvider.objects.get()
        row.base_url = other.url
        with pytest.raises(vault.Unopened):
            services.connection_to(row)


def test_a_provider_that_goes_while_it_is_changed_is_not_said_to_be_changed(vendor: Double) -> None:
    """A change asks the vendor, which takes a while; a colleague may take the provider away in between."""
    added = provider(vendor)
    heard: list[object] = []

    def hear(sender: object, target: object, **facts: object) -> None:
        heard.append(target)

    signals.provider_changed.connect(hear)
    try:
        with acting(ADA) as ada:
            services.remove(ModelProvider.objects.get(), actor=ada)
            with pytest.raises(NotVisible):
                services.change(added, words(vendor, name="Renamed"), actor=ada)
    finally:
        signals.provider_changed.disconnect(hear)
    assert heard == []


def test_a_changed_address_wants_the_key_again(vendor: Double) -> None:
    """L12: the key that is kept does not travel to a new address, not even for a test."""
    added = provider(vendor)
    with Double() as other, acting(ADA) as ada:
        with pytest.raises(Unfit, match="Enter the key again") as unfit:
            services.change(added, words(other, key="", name="Moved"), actor=ada)
        assert (unfit.value.field, other.asked) == ("key", [])
        added.refresh_from_db()
        assert (added.name, added.base_url) == ("Tern", vendor.url)
        services.change(added, words(other, name="Moved"), actor=ada)
        added.refresh_from_db()
        assert (added.name, added.base_url) == ("Moved", other.url)
        # The same address, and no key typed: the one that is kept stays.
        services.change(added, words(other, key="", name="Again"), actor=ada)
        added.refresh_from_db()
        assert services.connection_to(added).key == KEY


def test_the_transport_takes_the_key_nowhere_else(vendor: Double) -> None:
    """L24: by whatever address the library would go."""
    place = Place(vendor.url, {"Authorization": f"Bearer {KEY}"})
    with Double() as other, httpx2.Client(transport=PinnedTransport(place, Limits()), trust_env=False) as client:
        assert client.get(f"{vendor.url}/models").status_code == 200
        elsewhere = (other.url, vendor.url.replace("127.0.0.1", "127.0.0.2"), vendor.url.replace("http:", "https:"))
        for address in elsewhere:
            with pytest.raises(Forbidden):
                client.get(f"{address}/models")
        assert other.asked == []


def test_no_page_or_entry_shows_a_key(vendor: Double) -> None:
    """L44: a canary in the key, looked for in everything that administrators can open."""
    client = doors.browser(ADA)
    typed = {"name": "Tern", "kind": "openai", "base_url": vendor.url, "key": KEY}
    made = client.post("/models/create/", typed)
    assert made.status_code == 302
    place = made["Location"]
    seen = [made.content, client.post("/models/create/", {**typed, "name": ""}).content]
    for path in ("/models/", place, f"{place}change/", "/trail/", "/agents/new/"):
        response = client.get(path)
        assert response.status_code == 200
        seen.append(response.content)
    assert client.post(f"{place}test/").status_code == 302
    seen.append(client.get(place).content)
    assert b"has 2 models" in seen[-1]
    assert KEY[-4:].encode() in seen[3]
    # Half a key is as good as a whole one to whoever guesses the rest.
    assert not [page for page in seen if KEY[:10].encode() in page]
    with connection.cursor() as cursor, acting(ADA):
        for table in ("audit_entry", "agents_modelprovider"):
            cursor.execute(f"SELECT string_agg(r::text, '') FROM {table} r")
            text = str(cursor.fetchone())
            assert len(text) > 100
            assert KEY[:10] not in text


def test_who_is_no_administrator_sees_no_page_and_still_chooses_a_model(vendor: Double) -> None:
    added = provider(vendor)
    for person in (BOB, VERA):
        client = doors.browser(person)
        for path in ("/models/", "/models/new/", f"/models/{added.pk}/", "/models/budget/"):
            assert client.get(path).status_code == 403
        for path in ("/models/create/", f"/models/{added.pk}/test/", f"/models/{added.pk}/remove/", "/models/budget/"):
            assert client.post(path).status_code == 403
    form = doors.browser(BOB).get("/agents/new/").content.decode()
    assert f'<option value="{added.pk} tern-small">tern-small</option>' in form


def test_a_wrong_key_or_address_is_told_where_it_was_typed(vendor: Double, settings: Settings) -> None:
    client = doors.browser(ADA)
    typed = {"name": "Tern", "kind": "openai", "base_url": vendor.url, "key": "wrong"}
    refused = client.post("/models/create/", typed)
    assert (refused.status_code, b"did not accept this key" in refused.content) == (422, True)
    refused = client.post("/models/create/", {**typed, "key": KEY, "base_url": f"{vendor.origin}/elsewhere"})
    assert b"no list of models at this address" in refused.content
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    refused = client.post("/models/create/", {**typed, "key": KEY, "base_url": "https://127.0.0.1/v1"})
    assert b"leads into a private network" in refused.content
    with acting(ADA):
        assert not ModelProvider.objects.exists()


def test_a_list_of_models_has_an_end_and_holds_only_names(vendor: Double) -> None:
    vendor.models = [f"model-{number:04}" for number in range(2000)]
    added = provider(vendor)
    assert len(added.offered) == 300
    vendor.models = ["<script>x</script>", "a" * 500, "tern\u202e-one", "\x1b"]
    with acting(ADA) as ada:
        assert services.test(added, actor=ada) == ["<script>x</script>", "tern-one"]
    vendor.models = [7, None]
    with acting(ADA) as ada, pytest.raises(Unfit, match="no list of models"):
        services.test(added, actor=ada)


def test_a_rotated_master_key_opens_what_lies_under_the_old_one(vendor: Double, settings: Settings) -> None:
    agent = writer(ALICE, vendor)
    settings.MODEL_KEY = "a-newer-key-of-at-least-thirty-two-characters," + settings.MODEL_KEY
    assert answered(ALICE, agent)[1].status == Message.Status.DONE
    settings.MODEL_KEY = "another-key-of-at-least-thirty-two-characters"
    _, failed = answered(ALICE, agent)
    assert failed.error.startswith("The key of “Tern” cannot be opened.")


def test_both_dialects_get_their_key_as_they_want_it(vendor: Double) -> None:
    provider(vendor)
    assert vendor.asked[-1].headers["authorization"] == f"Bearer {KEY}"
    provider(vendor, Kind.ANTHROPIC, name="Other")
    assert vendor.asked[-1].headers["x-api-key"] == KEY
    assert "authorization" not in vendor.asked[-1].headers


def test_a_key_whose_account_is_empty_is_told_as_that(vendor: Double) -> None:
    vendor.faults.set(Fault(status=402))
    with acting(ADA) as ada, pytest.raises(Unfit, match="nothing left to spend"):
        services.add(words(vendor), actor=ada)
