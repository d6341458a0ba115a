"""What does an administrator type about a server of tools, and say about a tool, as clean values?"""

from __future__ import annotations

from typing import Any

from django import forms

from agents.models import ToolServer
from agents.tools.models import Rule
from agents.tools.services import Words

_TYPED = {"autocomplete": "off", "spellcheck": "false"}


class ServerForm(forms.Form):
    """A new server of tools."""

    name = forms.CharField(
        max_length=80,
        help_text="For example: Order book. People see it beside every call.",
        error_messages={"required": "Give the server a name."},
        widget=forms.TextInput(attrs=_TYPED),
    )
    url = forms.CharField(
        label="Address",
        max_length=300,
        help_text="Of a server that speaks MCP (streamable HTTP). It often ends in /mcp.",
        error_messages={"required": "Enter the address of the server."},
        widget=forms.TextInput(attrs={**_TYPED, "inputmode": "url"}),
    )
    key = forms.CharField(
        label="Key",
        required=False,
        max_length=2000,
        strip=True,
        help_text="Sent as a bearer token to this address only, kept encrypted, and never shown again. Leave it empty for a "
        "server that wants none.",
        widget=forms.PasswordInput(attrs={**_TYPED, "autocomplete": "new-password"}),
    )

    def clean_key(self) -> str:
        """A key travels in a header, which takes only plain characters."""
        key: str = self.cleaned_data["key"]
        if not key.isascii() or not key.isprintable() or " " in key:
            raise forms.ValidationError("A key has only letters, digits and signs, and no spaces. Copy it again.")
        return key

    def words(self) -> Words:
        """What a valid form asks of the services."""
        return Words(**self.cleaned_data)


class ServerChangeForm(ServerForm):
    """A server that is there. An empty key leaves the one that is kept."""

    def __init__(self, *args: Any, server: ToolServer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = f"Empty: the one that ends in {server.hint} stays. " if server.hint else "Empty: none. "
        self.fields["key"].help_text = f"{kept}With another address it has to be entered again."
        self.fields["url"].help_text = "At another address every tool has to be allowed anew."

    @classmethod
    def of(cls, server: ToolServer) -> ServerChangeForm:
        """Return the form filled with what is kept, but for the key, which no page gets to see."""
        return cls(initial={"name": server.name, "url": server.url}, server=server)


class RuleForm(forms.Form):
    """How agents may call a tool, as it was seen."""

    rule = forms.ChoiceField(choices=Rule.choices)
    seen = forms.CharField(max_length=64)
