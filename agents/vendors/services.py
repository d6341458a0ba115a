"""What can be done to a workspace's model providers and to its budget? Each verb, with its record, is one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from accounts import outbound
from accounts.counting import count_together
from accounts.http import NotVisible, Tenant
from accounts.outbound.streaming import Limits
from accounts.tenancy.context import current_workspace_id
from accounts.tenancy.models import new_id
from accounts.waiting import NoPlace, asking_elsewhere
from agents import providers, signals
from agents.unfit import Unfit
from agents.vendors import vault
from agents.vendors.models import ModelProvider

MOST_PROVIDERS: Final = 20
# An administrator waits in front of the page while the provider is asked for its models.
LIST_LIMITS: Final = Limits(connect=5.0, silence=10.0, seconds=15.0, size=1024 * 1024)
SHOWN: Final = 4  # characters of a key by which it is recognised
LONG_ENOUGH: Final = 16  # of a shorter one nothing is shown


@dataclass(frozen=True, slots=True)
class Words:
    """What an administrator typed about a provider. No key: the one that is kept stays, or there is none."""

    name: str
    kind: str
    base_url: str
    key: str = ""
    models: Sequence[str] = ()
    price_read: int | None = None
    price_written: int | None = None


def add(words: Words, *, actor: Tenant) -> UUID:
    """Add a provider, with the models that it says it has, or those that were named. Raises ``Unfit``."""
    wanted = new_id()
    offered = _offered(words, words.key)
    with transaction.atomic():
        count_together(actor, "providers")
        if not _keep("add", wanted, words, words.key, offered):
            raise Unfit("name", f"A workspace can have {MOST_PROVIDERS} providers. Remove one that nobody uses.")
        target = ModelProvider(pk=wanted)
        signals.provider_added.send(ModelProvider, actor=actor, target=target, kind=words.kind, place=_shown(words))
    return wanted


def change(provider: ModelProvider, words: Words, *, actor: Tenant) -> None:
    """Change a provider. With another address the key has to be given anew (L12). Raises ``Unfit``."""
    words = replace(words, kind=provider.kind)
    is_moved = words.base_url != provider.base_url
    if is_moved and provider.hint and not words.key:
        # A key that is kept would travel to whoever stands behind the new address.
        raise Unfit("key", "Enter the key again: it was given for another address, and is not sent to this one.")
    key = words.key or ("" if is_moved else _opened(provider))
    offered = _offered(words, key)
    before = (provider.name, provider.base_url, provider.offered, provider.price_read, provider.price_written)
    after = (words.name, words.base_url, offered, words.price_read, words.price_written)
    names = ("name", "address", "models", "price_read", "price_written")
    changed = [name for name, old, new in zip(names, before, after, strict=True) if old != new]
    with transaction.atomic():
        if not _keep("change", provider.pk, words, key, offered):
            raise NotVisible([provider.pk])  # removed meanwhile, while the vendor was asked
        signals.provider_changed.send(
            ModelProvider,
            actor=actor,
            target=provider,
            fields=[*changed, *(["key"] if words.key else [])],
            place=_shown(words),
        )


def remove(provider: ModelProvider, *, actor: Tenant) -> None:
    """Take a provider away with its key. Agents that used it say so until somebody chooses another for them."""
    with transaction.atomic():
        if _call("SELECT fence.keep_model_provider('remove', %s, '{}')", [provider.pk]) == (True,):
            signals.provider_removed.send(ModelProvider, actor=actor, target=provider)


def test(provider: ModelProvider, *, actor: Tenant) -> list[str]:
    """Ask the provider, as it is kept, for its models, and return them. Raises ``Unfit`` with what went wrong.

    Those that may be chosen stay as they are: somebody may have named fewer on purpose.
    """
    words, key = Words(provider.name, provider.kind, provider.base_url), _opened(provider)
    works = False
    try:
        names = _listed(words, key)
        works = True
    finally:
        # Outside any transaction, so that nothing waits for the provider but the administrator.
        with transaction.atomic():
            signals.provider_tested.send(ModelProvider, actor=actor, target=provider, works=works)
    return names


def set_budget(*, actor: Tenant, requests: int | None, tokens: int | None, money: int | None) -> None:
    """Say what the workspace's agents may use of models in a month; None is no limit."""
    with transaction.atomic():
        _call("SELECT fence.keep_budget(%s, %s, %s)", [requests, tokens, money])
        signals.budget_changed.send(
            ModelProvider, actor=actor, target=None, requests=requests, tokens=tokens, money=money
        )


def connection_to(
    provider: ModelProvider, *, model: str = "", temperature: float | None = None, max_tokens: int = 1000
) -> providers.Connection:
    """What is needed to ask this provider. Raises ``vault.Unopened``, which operators hear of."""
    try:
        key = vault.opened(
            provider.sealed,
            workspace=provider.workspace_id,
            provider=provider.pk,
            kind=provider.kind,
            base_url=provider.base_url,
        )
    except vault.Unopened as error:
        signals.key_unopened.send_robust(ModelProvider, target=provider, why=type(error).__name__)
        raise
    limits = Limits(silence=settings.MODEL_SILENCE_SECONDS, seconds=settings.MODEL_SECONDS)
    return providers.Connection(
        provider.name, provider.kind, provider.base_url, model, temperature, max_tokens, key=key, limits=limits
    )


def _opened(provider: ModelProvider) -> str:
    try:
        return connection_to(provider).key
    except vault.Unopened as error:
        raise Unfit("key", "The key that is kept cannot be opened any more. Enter it again.") from error


def _offered(words: Words, key: str) -> list[str]:
    """The models that were named, or else those that the provider says it has. Raises ``Unfit``."""
    try:
        with asking_elsewhere():
            outbound.check(words.base_url)
    except (outbound.Forbidden, outbound.Unreachable, NoPlace) as error:
        raise Unfit("base_url", str(error)) from error
    return sorted(set(words.models)) if words.models else _listed(words, key)


def _listed(words: Words, key: str) -> list[str]:
    asked = providers.Connection(words.name, words.kind, words.base_url, key=key, limits=LIST_LIMITS)
    try:
        with asking_elsewhere():
            found = providers.names_of_models(asked)
    except providers.Trouble as trouble:
        raise Unfit(*_refusal(trouble.kind)) from trouble
    except NoPlace as none:
        raise Unfit("base_url", str(none)) from none
    if not found:
        raise Unfit("models", "It answered, and named no model. Write the names of its models here.")
    return found


def _refusal(kind: str) -> tuple[str, str]:
    """What an administrator reads when the list of models does not come, and beside which field."""
    if kind == "key":
        return "key", "The provider did not accept this key. Check that it is whole, and that it may list models."
    if kind == "paid":
        return "key", "The account of this key has nothing left to spend. Add to it at the provider, then try again."
    if kind in ("missing", "request"):
        return (
            "models",
            "The provider has no list of models at this address. Check the address, or write the names here.",
        )
    if kind == "redirect":
        return "base_url", "This address sends calls on to another one, which is never followed. Enter that one."
    words = {
        "down": "The provider could not be reached at this address.",
        "slow": "The provider did not answer in time.",
        "busy": "The provider takes no more requests just now. Try again in a minute.",
        "failing": "The provider reported a failure of its own. Try again in a moment.",
        "large": "The provider’s list of models did not end. Check the address, or write the names of its models.",
        "forbidden": "This address leads into a private network, or to no place on the internet. It is not called.",
    }
    return "base_url", words.get(kind, "What came from this address is no list of models. Check the address.")


def _keep(act: str, wanted: UUID, words: Words, key: str, offered: Sequence[str]) -> bool:
    sealed = vault.sealed(
        key, workspace=current_workspace_id(), provider=wanted, kind=words.kind, base_url=words.base_url
    )
    row = {
        "name": words.name,
        "kind": words.kind,
        "base_url": words.base_url,
        "sealed": sealed,
        "hint": key[-SHOWN:] if len(key) >= LONG_ENOUGH else "•" * SHOWN if key else "",
        "offered": list(offered),
        "price_read": words.price_read,
        "price_written": words.price_written,
    }
    try:
        with transaction.atomic():
            return _call("SELECT fence.keep_model_provider(%s, %s, %s::jsonb)", [act, wanted, json.dumps(row)]) == (
                True,
            )
    except IntegrityError as error:
        raise Unfit(
            "name", "Another provider has this name. Choose one by which people can tell them apart."
        ) from error


def _shown(words: Words) -> str:
    return outbound.parse(words.base_url).shown


def _call(statement: str, values: list[Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row
