"""What does a person see who is sent here to prove who they are?"""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from tests.workos.world import World

_HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>Sign-in of the double</title><h1>Who are you?</h1>"
    "<p>This page stands in for a company's sign-in. Nothing is checked here but your choice.</p>"
)


def choice(world: World, query: dict[str, str]) -> str:
    """A page with one button for each person who could sign in, and one that refuses."""
    rows = []
    wanted = query.get("organization_id")
    for person in world.people.values():
        places = [one.organization_id for one in world.memberships_of(person.id)]
        if wanted is None or wanted in places:
            link = urlencode({**query, "as": person.id})
            names = ", ".join(world.organizations[place].name for place in places) or "no organisation"
            rows.append(f'<li><a href="?{escape(link)}">{escape(person.email)}</a> ({escape(names)})</li>')
    refusal = escape(urlencode({**query, "as": "nobody"}))
    return f'{_HEAD}<ul>{"".join(rows)}</ul><p><a href="?{refusal}">Refuse</a></p>'
