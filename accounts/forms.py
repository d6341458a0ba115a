"""What did the person type, and can it be used at all?

Forms come before everything that counts or computes: a NUL character or 5,000 of them never reach the lockout tables,
which would answer with an error (measured). They turn a POST into clean values and save nothing.
"""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.identity.passwords import MAXIMUM, MINIMUM_ALONE, MINIMUM_WITH_SECOND
from accounts.scopes import Scope

NEVER = "never"
LASTS = (("30", "30 days"), ("90", "90 days"), ("365", "One year"), (NEVER, "Until it is withdrawn"))


def _password_field(label: str, autocomplete: str, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=MAXIMUM,
        strip=False,  # a password may begin or end with a space
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
        error_messages={"required": "Enter the password.", "max_length": f"Use at most {MAXIMUM:,} characters."},
        **options,
    )


def _email_field(label: str, autocomplete: str) -> forms.EmailField:
    return forms.EmailField(
        label=label,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": autocomplete, "autofocus": True, "inputmode": "email"}),
        error_messages={
            "required": "Enter an e-mail address.",
            "invalid": "This is not an e-mail address. It looks like name@company.com.",
            "max_length": "An e-mail address has at most 254 characters.",
        },
    )


def _same_twice(form: forms.Form, values: dict[str, Any]) -> dict[str, Any]:
    if values.get("new") and values.get("again") and values["new"] != values["again"]:
        form.add_error("again", "The two entries differ. Type the new password once more.")
    return values


class SignInForm(forms.Form):
    """E-mail and password."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True, "inputmode": "email"}),
        error_messages={
            "required": "Enter the e-mail address that you sign in with.",
            "invalid": "This is not an e-mail address. It looks like name@company.com.",
            "max_length": "An e-mail address has at most 254 characters.",
        },
    )
    password = _password_field("Password", "current-password")
    next = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)


class ChoiceForm(forms.Form):
    """Which workspace to enter."""

    place = forms.UUIDField(
        error_messages={"required": "Choose a workspace.", "invalid": "Choose one of the workspaces."}
    )


class CodeForm(forms.Form):
    """A code of an authenticator, or a recovery code."""

    code = forms.CharField(
        label="Code",
        max_length=40,
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "autocapitalize": "none", "spellcheck": "false"}
        ),
        error_messages={"required": "Enter the code.", "max_length": "A code has at most 40 characters."},
    )


class SecondStepForm(CodeForm):
    """The second step of a sign-in: where to go afterwards travels with it."""

    next = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)


class ForgottenForm(forms.Form):
    """The address to which a link should go."""

    email = _email_field("E-mail", "username")


class ResetForm(forms.Form):
    """A new password, by a mailed link. The link's token is judged where it is stored."""

    link = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    new = _password_field(
        "New password",
        "new-password",
        help_text=f"At least {MINIMUM_ALONE} characters; {MINIMUM_WITH_SECOND} if you have a second factor. A few unrelated words do well.",
    )
    again = _password_field("New password again", "new-password")

    def clean(self) -> dict[str, Any]:
        """Both entries of the new password have to be the same."""
        return _same_twice(self, super().clean() or {})


class AgainForm(forms.Form):
    """The password of somebody who is signed in, and where to go afterwards."""

    password = _password_field("Password", "current-password")
    next = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)


class AgainWithCodeForm(CodeForm, AgainForm):
    """The same for somebody who has a second factor."""

    field_order = ("password", "code", "next")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The password comes first here; two fields that ask for the focus would give it to the second.
        self.fields["code"].widget.attrs.pop("autofocus")
        self.fields["password"].widget.attrs["autofocus"] = True


class EmailForm(forms.Form):
    """Another address, and the password that says it is the person who asks."""

    email = _email_field("New e-mail", "email")
    password = _password_field("Password", "current-password")


class LinkForm(forms.Form):
    """The token of a mailed link, as the page that it opened sends it back."""

    link = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)


class PasswordForm(forms.Form):
    """The password now, and the next one. What makes a password good enough is decided where it is stored."""

    current = _password_field("Password now", "current-password")
    new = _password_field(
        "New password",
        "new-password",
        help_text=f"At least {MINIMUM_ALONE} characters; {MINIMUM_WITH_SECOND} if you have a second factor. A few unrelated words are easy to remember and hard to guess.",
    )
    again = _password_field("New password again", "new-password")

    def clean(self) -> dict[str, Any]:
        """Both entries of the new password have to be the same."""
        return _same_twice(self, super().clean() or {})


class KeyForm(forms.Form):
    """What a new API key is for, what it may do, and for how long."""

    name = forms.CharField(
        label="What is it for?",
        max_length=80,
        help_text="For example: nightly import. You will recognise the key by it.",
        error_messages={"required": "Say what the key is for.", "max_length": "Use at most 80 characters."},
    )
    scopes = forms.MultipleChoiceField(
        label="What may it do?",
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": "Choose at least one thing that the key may do.",
            "invalid_choice": "“%(value)s” is not something that a key can be allowed. Choose from the list.",
        },
    )
    lasts = forms.ChoiceField(label="How long is it good for?", choices=LASTS, initial="90")
    # Sent twice, by a double click or a reload, a form makes one key.
    once = forms.RegexField(r"^[A-Za-z0-9_-]{16,64}$", widget=forms.HiddenInput)

    def __init__(self, *args: Any, allowed: frozenset[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(value, label) for value, label in Scope.choices if value in allowed]
        self.fields["scopes"].choices = choices  # type: ignore[attr-defined]  # a MultipleChoiceField, not just any field

    def days(self) -> int | None:
        """For how many days the key is good; None without an end."""
        lasts = self.cleaned_data["lasts"]
        return None if lasts == NEVER else int(lasts)
