"""What does an administrator type about a model provider, and about the budget, as clean values?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django import forms

from accounts.forms import not_a_number
from agents.vendors.models import MILLION, Kind, ModelProvider
from agents.vendors.services import Words

USUAL: Final = {Kind.OPENAI: "https://api.openai.com/v1", Kind.ANTHROPIC: "https://api.anthropic.com"}
MOST_MODELS: Final = 300  # as many as are taken from a provider's own list
LONGEST_MODEL: Final = 120
_TYPED: Final = {"autocomplete": "off", "spellcheck": "false"}


class Models(forms.CharField):
    """Names of models, one in each line."""

    def clean(self, value: Any) -> list[str]:
        """Return the names, each once, in the order in which they were typed."""
        names = list(dict.fromkeys(line.strip() for line in super().clean(value).splitlines() if line.strip()))
        if len(names) > MOST_MODELS or any(len(name) > LONGEST_MODEL for name in names):
            raise forms.ValidationError(f"Name up to {MOST_MODELS} models, each with up to {LONGEST_MODEL} characters.")
        if not all(name.isprintable() for name in names):
            raise forms.ValidationError("Write the names of models in plain characters, one in each line.")
        return names


class Money(forms.DecimalField):
    """An amount in the workspace's own currency; kept in millionths."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            min_value=Decimal(0),
            max_value=Decimal(1_000_000),
            max_digits=13,
            decimal_places=6,
            error_messages=not_a_number(
                "Use a number from 0 to 1,000,000 with at most six decimals, or leave it empty.",
                "max_digits",
                "max_decimal_places",
                "max_whole_digits",
            ),
            **kwargs,
        )

    def clean(self, value: Any) -> int | None:
        """Return millionths, or None."""
        amount = super().clean(value)
        return None if amount is None else int(amount * MILLION)

    def prepare_value(self, value: Any) -> Any:
        """Show millionths as the amount that they are."""
        return Decimal(value) / MILLION if isinstance(value, int) else value


class ProviderForm(forms.Form):
    """A new provider."""

    name = forms.CharField(
        max_length=80,
        help_text="For example: OpenAI. People choose by it which model an agent asks.",
        error_messages={"required": "Give the provider a name."},
        widget=forms.TextInput(attrs=_TYPED),
    )
    kind = forms.ChoiceField(label="How it is spoken to", choices=Kind.choices, initial=Kind.OPENAI)
    base_url = forms.CharField(
        label="Address",
        required=False,
        max_length=300,
        help_text=f"Empty: {USUAL[Kind.OPENAI]} or {USUAL[Kind.ANTHROPIC]}. For a server of your own it often ends in /v1.",
        widget=forms.TextInput(attrs={**_TYPED, "inputmode": "url"}),
    )
    key = forms.CharField(
        label="Key",
        required=False,
        max_length=500,
        strip=True,
        help_text="Kept encrypted, sent to this address only, and never shown again. Leave it empty for a server that wants none.",
        # Not a password of this site: the browser should neither offer one nor keep this.
        widget=forms.PasswordInput(attrs={**_TYPED, "autocomplete": "new-password"}),
    )
    models = Models(
        required=False,
        help_text="One in each line. Leave it empty to take those that the provider says it has.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    price_read = Money(
        label="Price of a million tokens read",
        help_text="In any currency, the same for all providers. Without prices no money is counted.",
    )
    price_written = Money(label="Price of a million tokens written")

    def clean_key(self) -> str:
        """A key travels in a header, which takes only plain characters."""
        key: str = self.cleaned_data["key"]
        if not key.isascii() or not key.isprintable() or " " in key:
            raise forms.ValidationError("A key has only letters, digits and signs, and no spaces. Copy it again.")
        return key

    def clean(self) -> dict[str, Any]:
        """The usual address stands for an empty one."""
        values = super().clean() or {}
        if "base_url" in values and not values["base_url"] and "kind" in values:
            values["base_url"] = USUAL[Kind(values["kind"])]
        if "base_url" in values:
            values["base_url"] = values["base_url"].rstrip("/")
        return values

    def words(self) -> Words:
        """What a valid form asks of the services."""
        return Words(**self.cleaned_data)


class ProviderChangeForm(ProviderForm):
    """A provider that is there. Its kind stays, and an empty key leaves the one that is kept."""

    field_order = ("name", "base_url", "key", "models", "price_read", "price_written")

    def __init__(self, *args: Any, provider: ModelProvider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kind = provider.kind
        del self.fields["kind"]
        kept = f"Empty: the one that ends in {provider.hint} stays. " if provider.hint else "Empty: none. "
        self.fields["key"].help_text = f"{kept}With another address it has to be entered again."
        self.fields["base_url"].required = True
        self.fields["base_url"].help_text = ""
        self.fields["base_url"].error_messages["required"] = "Enter the address of the provider."

    def words(self) -> Words:
        """What a valid form asks of the services."""
        return Words(kind=self._kind, **self.cleaned_data)

    @classmethod
    def of(cls, provider: ModelProvider) -> ProviderChangeForm:
        """Return the form filled with what is kept, but for the key, which no page gets to see."""
        initial = {name: getattr(provider, name) for name in ("name", "base_url", "price_read", "price_written")}
        return cls(initial={**initial, "models": "\n".join(provider.offered)}, provider=provider)


class BudgetForm(forms.Form):
    """What may be used in a month."""

    requests = forms.IntegerField(
        label="Requests",
        required=False,
        min_value=0,
        max_value=10**12,
        error_messages=not_a_number(f"Use a whole number from 0 to {10**12:,}, or leave it empty."),
    )
    tokens = forms.IntegerField(
        label="Tokens",
        required=False,
        min_value=0,
        max_value=10**15,
        error_messages=not_a_number(f"Use a whole number from 0 to {10**15:,}, or leave it empty."),
        help_text="Read and written together. A token is about three quarters of an English word.",
    )
    money = Money(label="Money", help_text="In the currency of the prices that stand with the providers.")
