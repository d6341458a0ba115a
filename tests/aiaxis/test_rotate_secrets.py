"""After a key was put in front of an older one: does everything come under the new one, and still open when the old one is gone?"""

from __future__ import annotations

import hashlib
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import BinaryField
from pytest_django import Settings

from accounts.identity import rotation
from accounts.identity import vault as identity
from accounts.identity.store.models import SecondFactor, account_id
from agents.vendors import services as vendors
from agents.vendors.models import ModelProvider
from audit.notices import services as notices
from audit.notices import vault as channels
from audit.notices.models import Channel, Kind
from tests.authenticators import Authenticator
from tests.cast import ADA, ALICE, CHARLIE, acting
from tests.factories import a_provider

NEWER = "a-newer-key-of-at-least-thirty-two-characters"

pytestmark = pytest.mark.usefixtures("committed")


def rotated() -> str:
    said = StringIO()
    call_command("rotate_secrets", stdout=said)
    return said.getvalue()


def test_everything_comes_under_the_newest_key_and_the_older_one_can_go(settings: Settings) -> None:
    older = (settings.MODEL_KEY, settings.NOTIFY_KEY, settings.IDENTITY_KEYS)
    a_provider(ALICE)
    a_provider(CHARLIE)
    with acting(ALICE) as alice:
        hook = "https://93.184.216.34/hook"
        notices.add(actor=alice, name="Hook", kind=Kind.WEBHOOK, address=hook, least="info", actions=[])
    Authenticator.of(ADA)
    settings.MODEL_KEY, settings.NOTIFY_KEY = f"{NEWER},{older[0]}", f"{NEWER},{older[1]}"
    settings.IDENTITY_KEYS = [hashlib.sha256(NEWER.encode()).digest(), *older[2]]
    said = rotated()
    assert "Every older key can be taken out" in said
    # Without the older ones.
    settings.MODEL_KEY = settings.NOTIFY_KEY = NEWER
    settings.IDENTITY_KEYS = settings.IDENTITY_KEYS[:1]
    for person in (ALICE, CHARLIE):
        with acting(person):
            assert vendors.connection_to(ModelProvider.objects.get()).key == "k" * 20
    with acting(ALICE):
        channel = Channel.objects.get()
        assert channels.opened(channel.sealed, channel.pk).address == hook
    factor = SecondFactor.objects.get(pk=account_id(ADA.subject))
    assert len(identity.opened(factor.secret, field="totp", row=str(factor.pk))) == 32
    # A second time there is nothing to do.
    before = ModelProvider.objects.using("owner")
    with acting(ALICE):
        stored = before.values_list("sealed", flat=True)[0]
    rotated()
    with acting(ALICE):
        assert before.values_list("sealed", flat=True)[0] == stored


def test_every_encrypted_column_of_the_identity_store_is_brought_under_it() -> None:
    """Whatever is kept there as bytes and is no hash, which nothing opens, is encrypted."""
    encrypted = {
        (model, field.name)
        for model in apps.get_app_config("identity_store").get_models()
        for field in model._meta.fields
        if isinstance(field, BinaryField) and not field.name.endswith(("hash", "mac", "mark"))
    }
    assert encrypted == {(model, column) for model, column, *_ in rotation.PLACES}


def test_what_no_key_opens_is_told_and_left_as_it_is(settings: Settings) -> None:
    a_provider(ALICE)
    with acting(ALICE):
        stored = ModelProvider.objects.get().sealed
    settings.MODEL_KEY = NEWER
    with pytest.raises(CommandError, match="under a key that MODEL_KEY does not name"):
        rotated()
    with acting(ALICE):
        assert ModelProvider.objects.get().sealed == stored
