"""`make run-workos`: the whole product with single sign-on, against a WorkOS of our own, so that it can be tried offline.

It has a home of its own (`.aiaxis/workos`), because a session that WorkOS vouched for is good only while it is configured.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

from tests.workos.__main__ import fill
from tests.workos.server import Double
from tests.workos.world import CLIENT_ID, SERVER_KEY, WEBHOOK_SECRET

ROOT = Path(__file__).resolve().parents[2]
# Always the same ids: the platform remembers who somebody is by them, and the double remembers nothing.
ORGANIZATIONS = {"Acme": "org_01ACME", "Birch": "org_01BIRCH"}
PEOPLE = [
    {
        "email": "alice@acme.example",
        "id": "user_01ALICE",
        "role": "admin",
        "organization": "Acme",
        "domain": "acme.example",
    },
    {"email": "bob@acme.example", "id": "user_01BOB", "organization": "Acme", "domain": "acme.example"},
    {"email": "nora@acme.example", "id": "user_01NORA", "organization": "Acme", "domain": "acme.example"},
    {
        "email": "charlie@birch.example",
        "id": "user_01CHARLIE",
        "role": "admin",
        "organization": "Birch",
        "domain": "birch.example",
    },
]
TOLD = """
Single sign-on is on, against a WorkOS of our own at {url}.
  - alice@acme.example and bob@acme.example can come in by password or by single sign-on; both open the same account.
  - nora@acme.example is known there and is no member here, so she is refused until an owner invites her, or lets people of
    acme.example join (as Alice: People, Single sign-on).
  - Whoever Alice invites is mailed by that WorkOS: the link is printed here.
  - charlie@birch.example is of Birch, which trusts no organisation yet: connect it as Charlie, on the same page.
"""


def main() -> int:
    """Serve until interrupted; returns what the product's own command returned."""
    double = Double()
    double.auto = False  # a page to click through
    fill(double.world, [{**row, "organization_id": ORGANIZATIONS[str(row["organization"])]} for row in PEOPLE])
    threading.Thread(target=double.serve, name="double", daemon=True).start()
    port = os.environ.get("PORT", "8000")
    double.world.invitation_page = f"http://127.0.0.1:{port}/invitations/"  # what docs/deploy.md asks for
    double.world.mail = _shown
    environment = {
        **os.environ,
        "AIAXIS_HOME": os.environ.get("AIAXIS_HOME", str(ROOT / ".aiaxis" / "workos")),
        "WORKOS_API_KEY": SERVER_KEY,
        "WORKOS_CLIENT_ID": CLIENT_ID,
        "WORKOS_ISSUER": double.issuer,
        "WORKOS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "WORKOS_BASE_URL": double.url,
    }
    product = subprocess.Popen([sys.executable, "manage.py", "serve", "--demo"], cwd=ROOT, env=environment)

    def stop(number: int, frame: FrameType | None) -> None:
        product.send_signal(signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if _came_up(product, f"http://127.0.0.1:{port}/readyz"):
        connect = ["connect_organization", "Acme", ORGANIZATIONS["Acme"], "--domain", "acme.example"]
        subprocess.run(
            [sys.executable, "manage.py", *connect], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL
        )
        sys.stdout.write(TOLD.format(url=double.url))
        sys.stdout.flush()
    return product.wait()


def _shown(email: str, link: str) -> None:
    sys.stdout.write(f"\nThe WorkOS of our own mails {email}: {link}\n")
    sys.stdout.flush()


def _came_up(product: subprocess.Popen[bytes], address: str) -> bool:
    while product.poll() is None:
        try:
            with urlopen(address, timeout=5):  # noqa: S310 - an address of our own making
                return True
        except (URLError, OSError):
            time.sleep(0.2)
    return False


if __name__ == "__main__":
    sys.exit(main())
