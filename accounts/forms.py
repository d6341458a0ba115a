"""What did the person type, and can it be used at all?

Forms come before everything that counts or computes: a NUL character or 5,000 of them never reach the lockout tables,
which would answer with an error (measured). They turn a POST into clean values and save nothing.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from accounts.identity.passwords import MAXIMUM, MINIMUM_ALONE, MINIMUM_WITH_SECOND
from accounts.models import Membership, Role
from accounts.scopes import Scope

NEVER = "never"
LASTS = (("30", "30 days"), ("90", "90 days"), ("365", "One year"), (NEVER, "Until it is withdrawn"))


def not_a_number(sentence: str, *more: str) -> dict[str, str]:
    """The same sentence for whatever is wrong with a number: missing, none at all, too small, too large, and ``more`` codes."""
    return dict.fromkeys(("required", "invalid", "min_value", "max_value", *more), sentence)


class SearchField(forms.CharField):
    """What to look for on a page: nothing, or words. The key / leads to it."""

    def __init__(self, label: str, *, longest: int = 120, placeholder: str = "") -> None:
        attrs: dict[str, Any] = {"type": "search", "autocomplete": "off", "data-search-box": True}
        if placeholder:
            attrs["placeholder"] = placeholder
        super().__init__(
            label=label,
            required=False,
            max_length=longest,
            widget=forms.TextInput(attrs=attrs),
            error_messages={"max_length": f"Use at most {longest} characters."},
        )


def _password_field(label: str, autocomplete: str, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=MAXIMUM,
        strip=False,  # a password may begin or end with a space
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
        error_messages={"required": "Enter the password.", "max_length": f"Use at most {MAXIMUM:,} characters."},
        **options,
    )


def _email_field(label: str, autocomplete: str, *, required: str = "Enter an e-mail address.") -> forms.EmailField:
    return forms.EmailField(
        label=label,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": autocomplete, "autofocus": True, "inputmode": "email"}),
        error_messages={
            "required": required,
            "invalid": "This is not an e-mail address. It looks like name@company.com.",
            "max_length": "An e-mail address has at most 254 characters.",
        },
    )


def _same_twice(form: forms.Form, values: dict[str, Any]) -> dict[str, Any]:
    if values.get("new") and values.get("again") and values["new"] != values["again"]:
        form.add_error("again", "The two entries differ. Type the new password once more.")
    return values


class NextField(forms.CharField):
    """Where to go afterwards. What cannot be used is left out: nobody typed it, and it must keep nobody from signing in."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=2000, widget=forms.HiddenInput)

    def clean(self, value: Any) -> str:
        """The address, or nothing in place of one that is longer than any of ours or holds a NUL."""
        try:
            return str(super().clean(value))
        except forms.ValidationError:
            return ""


class AddressForm(forms.Form):
    """The e-mail address, which comes first: it decides what else is asked."""

    email = _email_field("E-mail", "username", required="Enter the e-mail address that you sign in with.")
    next = NextField()


class SignInForm(AddressForm):
    """E-mail and password."""

    password = _password_field("Password", "current-password")


class SsoForm(forms.Form):
    """Whose sign-in to be sent to: an organisation's, or the one that is found by an e-mail address."""

    email = forms.EmailField(required=False, max_length=254)
    organization = forms.RegexField(r"^org_[0-9A-Za-z]{1,100}$", required=False)
    next = NextField()
    anew = forms.BooleanField(required=False)


class ChoiceForm(forms.Form):
    """Which workspace to enter."""

    place = forms.UUIDField(
        error_messages={"required": "Choose a workspace.", "invalid": "Choose one of the workspaces."}
    )


class CodeForm(forms.Form):
    """A code of an authenticator, or a recovery code."""

    wrong: ClassVar = (
        "This code does not fit, or it was used already. Wait for the next one of your app, or use a recovery code that you "
        "have not used yet."
    )
    code = forms.CharField(
        label="Code",
        max_length=40,
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "autocapitalize": "none", "spellcheck": "false"}
        ),
        error_messages={"required": "Enter the code.", "max_length": "A code has at most 40 characters."},
    )


class FirstCodeForm(CodeForm):
    """The first code of an app that is being set up: there are no recovery codes yet."""

    wrong = (
        "This code does not fit. Type the one that the app shows now, and see that the clock of its device is right."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ask for the app's code only."""
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = "The six digits that the app shows now."


class SecondStepForm(CodeForm):
    """The second step of a sign-in: where to go afterwards travels with it."""

    next = NextField()


class FollowUpForm(CodeForm):
    """What an outside identity provider asks after a right password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = ""


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
    next = NextField()


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


class RoleForm(forms.Form):
    """Which role somebody is to have: none above that of the person who decides."""

    role = forms.ChoiceField(
        label="Role",
        choices=Role.choices,
        error_messages={"required": "Choose a role.", "invalid_choice": "Choose one of the roles that you may give."},
    )

    def __init__(self, *args: Any, highest: Role, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(role.value, role.label) for role in Role if role.rank <= highest.rank]
        self.fields["role"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField, not just any field


class SignInRulesForm(forms.Form):
    """What a workspace insists on when people sign in, and who joins by themselves."""

    insists = forms.BooleanField(
        label="Single sign-on only",
        required=False,
        help_text="Passwords open this workspace no more: sessions that began with one end, and so do the API keys that were made in "
        "them. They stay ended when you take the rule back. People who belong elsewhere too keep their passwords there.",
    )
    joining = forms.ChoiceField(
        label="People of the verified domains who are no members yet",
        choices=[("", "Need an invitation"), ("viewer", "Join as viewer"), ("member", "Join as member")],
        required=False,
        help_text="They come in the first time they sign in through your organisation. Whoever was removed does not.",
    )


class InviteForm(RoleForm):
    """Whom to invite, and into which role."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "inputmode": "email"}),
        help_text="The link is mailed there. It works once, for 72 hours, and for this address only.",
        error_messages={
            "required": "Enter the e-mail address of the person.",
            "invalid": "This is not an e-mail address. It looks like name@company.com.",
            "max_length": "An e-mail address has at most 254 characters.",
        },
    )
    field_order = ["email", "role"]


class JoinForm(forms.Form):
    """Who somebody is who joins without an account: their name, and the password that they choose."""

    name = forms.CharField(
        label="Your name",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text="Your colleagues see it.",
        error_messages={"required": "Enter your name.", "max_length": "Use at most 120 characters."},
    )
    new = _password_field(
        "Password",
        "new-password",
        help_text=f"At least {MINIMUM_ALONE} characters. A few unrelated words are easy to remember and hard to guess.",
    )

    def clean_name(self) -> str:
        """A name on one line: a mark that turns text around would show a colleague as somebody else."""
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise forms.ValidationError("Use letters, digits and spaces. This holds a character that cannot be seen.")
        return name


class PeopleFilter(forms.Form):
    """Which of the workspace's people to show."""

    q = SearchField("Name or e-mail")
    status = forms.ChoiceField(
        label="Status", choices=[("", "All current"), *Membership.Status.choices], required=False
    )


class RotateForm(forms.Form):
    """For how long a key goes on beside the one that replaces it."""

    hours = forms.TypedChoiceField(
        label="How long does the old key go on?",
        coerce=int,
        choices=[("0", "Not at all"), ("1", "1 hour"), ("24", "24 hours"), ("72", "72 hours")],
        initial="24",
        help_text="Long enough to give every program the new one, and no longer. If the old one leaked: not at all.",
    )
    # Sent twice, by a double click or a reload, a form makes one key.
    once = forms.RegexField(r"^[A-Za-z0-9_-]{16,64}$", widget=forms.HiddenInput)


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
