"""What does somebody's phone do? It knows the seed of an account, and shows the code of the moment."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

import pyotp

from accounts.identity import second_factors
from accounts.identity.second_factors import STEP_SECONDS
from accounts.identity.store.models import SecondFactor
from tests.cast import Person


@dataclass
class Authenticator:
    """An app with one account in it; no code of it is shown twice, as a person in a hurry would have to wait for the next."""

    seed: str
    recovery: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, person: Person) -> Authenticator:
        """Switch the person's second factor on, by the functions that the pages use."""
        second_factors.begin(person.subject)
        app = cls(second_factors.pending(person.subject).secret)
        app.recovery = second_factors.confirm(person.subject, app.code(), record=lambda: None)
        # As if it had been some time ago, so that a test need not wait half a minute for the next code.
        SecondFactor.objects.filter(account_id=person.subject).update(last_step=0)
        return app

    @classmethod
    def shown(cls, page: bytes) -> Authenticator:
        """Type the key that a page shows into the app."""
        found = re.search(rb'id="authenticator-key">([A-Z2-7 ]+)<', page)
        assert found is not None
        return cls(found.group(1).decode().replace(" ", ""))

    def code(self, *, steps_away: int = 0) -> str:
        """The code of now, or of so many half minutes from now."""
        return pyotp.TOTP(self.seed).at(int(time.time()) + steps_away * STEP_SECONDS)

    def wrong_code(self) -> str:
        """A code that is none of those that could be accepted now."""
        near = {self.code(steps_away=away) for away in range(-3, 4)}
        return next(code for code in (f"{number:06}" for number in range(20)) if code not in near)
