"""`manage.py load_demo`: two workspaces to look at, and to attack each other in."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand

from aiaxis.demo import people, sign_ins
from aiaxis.demo.sign_ins import Operator, Person, SignIns


class Command(BaseCommand):
    """Loads the demo once; a second run only writes the address down anew."""

    help = "Load the demo workspaces Acme and Birch, and write their sign-ins to demo.json in AIAXIS_HOME."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load what is missing. The file is written last, so a load that was cut off is taken up again."""
        known = sign_ins.known()
        if known is None or not people.all_there():
            known = _load(known)
        sign_ins.write({**known, "url": sign_ins.address()})
        if options["verbosity"]:
            self.stdout.write(f"The demo is loaded. Its sign-ins are in {sign_ins.path()}.")


def _load(known: SignIns | None) -> SignIns:
    from aiaxis.demo import contents  # here: it brings a writer of documents, which a second start has no use for

    remembered = (
        {entry["email"]: entry["password"] for entry in (*known["people"], *known["operators"])} if known else {}
    )
    passwords = {person.email: remembered.get(person.email) or sign_ins.new_password() for person in people.EVERYBODY}
    loaded = SignIns(url=sign_ins.address(), people=[], api_keys=[], operators=[])
    for person in people.EVERYBODY:
        people.ensure(person, passwords[person.email])
        if person.role is None:
            loaded["operators"].append(Operator(email=person.email, password=passwords[person.email]))
            continue
        loaded["people"].append(
            Person(
                email=person.email,
                password=passwords[person.email],
                workspace=person.workspace,
                role=person.role.value,
            )
        )
    for owner in people.OWNERS:
        with people.signed_in(owner, passwords[owner.email]) as actor:
            contents.ensure(actor)
            loaded["api_keys"].append(people.key_of(actor))
    return loaded
