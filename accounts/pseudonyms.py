"""How is a thing named where every workspace can read, or write, the name?

Row security guards rows. Notifications, the job runner's locks and the keys of the counters are seen by whoever holds the
application's database role, injected SQL too: in clear they told ids of other workspaces to any LISTEN, and a job inserted
under another workspace's lock held its work up (both done). So each name is an HMAC under a key that the database does
not know: equal things have equal names, and nobody else can read one or make one up.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.conf import settings

CHANNELS: Final[dict[str, Callable[[UUID, UUID], str]]] = {}
"""Every channel on which a workspace's rows are announced, and how a row of a workspace is named there."""


def channel(name: str, topic: Callable[[UUID, UUID], str]) -> str:
    """Declare a channel, so that the attacks listen to it; return its name."""
    CHANNELS[name] = topic
    return name


def pseudonym(purpose: str, *parts: str) -> str:
    """Return the name of what `parts` say, for one purpose: 64 hexadecimal digits. No part may hold a line break."""
    message = "\n".join(("aiaxis.name.1", purpose, *parts))
    return hmac.new(settings.JOB_KEY, message.encode(), sha256).hexdigest()
