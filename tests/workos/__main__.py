"""`python -m tests.workos --port 8400 [--people people.json] [--auto]`: a WorkOS to click through, offline.

The file is a list of people: ``{"email": …, "password": …, "organization": …, "role": …, "domain": …}``; all but the address
may be left out. An organisation may name its id (``"organization_id": "org_…"``), so that a workspace can know it beforehand.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.workos.server import Double
from tests.workos.world import CLIENT_ID, SERVER_KEY, WEBHOOK_SECRET, Organization, World, new_id

DEMO = [
    {"email": "alice@acme.test", "organization": "Acme", "role": "admin", "domain": "acme.test"},
    {"email": "bob@acme.test", "organization": "Acme", "domain": "acme.test"},
    {"email": "charlie@birch.test", "organization": "Birch", "role": "admin", "domain": "birch.test"},
]


def fill(world: World, rows: list[dict[str, Any]]) -> None:
    """Put these people and their organisations into the world. An id that a row names is kept."""
    organizations: dict[str, Organization] = {}
    for row in rows:
        person = world.person(row["email"], password=row.get("password"))
        if "id" in row:
            del world.people[person.id]
            person.id = row["id"]
            world.people[person.id] = person
        name = row.get("organization")
        if name is None:
            continue
        if name not in organizations:
            one = Organization(row.get("organization_id") or new_id("org"), name)
            organizations[name] = world.organizations[one.id] = one
        if "domain" in row:
            organizations[name].domains[row["domain"]] = "verified"
        world.join(person, organizations[name], role=row.get("role", "member"))


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.workos")
    parser.add_argument("--port", type=int, default=8400)
    parser.add_argument("--people", type=Path, help="a JSON file with the people to know")
    parser.add_argument("--auto", action="store_true", help="sign in whoever the hint names, without a page")
    options = parser.parse_args()
    double = Double(port=options.port)
    double.auto = options.auto
    fill(double.world, json.loads(options.people.read_text()) if options.people else DEMO)
    sys.stdout.write(
        f"WORKOS_BASE_URL={double.url}\nWORKOS_ISSUER={double.issuer}\nWORKOS_CLIENT_ID={CLIENT_ID}\n"
        f"WORKOS_API_KEY={SERVER_KEY}\nWORKOS_WEBHOOK_SECRET={WEBHOOK_SECRET}\n"
    )
    sys.stdout.flush()
    try:
        double.serve()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
