"""`manage.py load_demo`: two workspaces to look at, and to attack each other in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management import BaseCommand
from django.db import connections

from aiaxis.demo import people, sign_ins
from aiaxis.demo.sign_ins import Key, Operator, Person, SignIns


class Command(BaseCommand):
    """Loads the demo once; a second run only writes the address down anew."""

    help = "Load the demo workspaces Acme and Birch, and write their sign-ins to demo.json in AIAXIS_HOME."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load what is missing. The file is written last, so a load that was cut off is taken up again."""
        known = sign_ins.known()
        if known is None or not people.all_there() or not all("totp_secret" in one for one in known["operators"]):
            known = _load(known)
        sign_ins.write({**known, "url": sign_ins.address()})
        if options["verbosity"]:
            self.stdout.write(f"The demo is loaded. Its sign-ins are in {sign_ins.path()}.")


def _load(known: SignIns | None) -> SignIns:
    remembered = (
        {entry["email"]: entry["password"] for entry in (*known["people"], *known["operators"])} if known else {}
    )
    # A file of an earlier version has no seed in it.
    seeds = {entry["email"]: entry.get("totp_secret") for entry in known["operators"]} if known else {}
    passwords = {person.email: remembered.get(person.email) or sign_ins.new_password() for person in people.EVERYBODY}
    for person in people.EVERYBODY:
        people.ensure(person, passwords[person.email])
    # Side by side: reading and indexing documents is most of a first start, and there is more than one core.
    with ThreadPoolExecutor(len(people.OWNERS)) as pool:
        keys = list(pool.map(_fill, people.OWNERS, [passwords[owner.email] for owner in people.OWNERS]))
    return SignIns(
        url=sign_ins.address(),
        people=[
            Person(email=one.email, password=passwords[one.email], workspace=one.workspace, role=one.role.value)
            for one in people.PEOPLE
            if one.role
        ],
        api_keys=keys,
        operators=[
            Operator(
                email=one.email,
                password=passwords[one.email],
                totp_secret=people.authenticator(one, seeds.get(one.email)),
            )
            for one in people.OPERATORS
        ],
    )


def _fill(owner: people.Person, password: str) -> Key:
    """Give one owner's workspace its contents, and the owner a key."""
    from aiaxis.demo import contents  # here: it brings a writer of documents, which a second start has no use for

    try:
        with people.signed_in(owner, password) as actor:
            contents.ensure(actor)
            return people.key_of(actor)
    finally:
        connections.close_all()  # this thread's own
