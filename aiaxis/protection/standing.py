"""What is true of this deployment by how it is built and set up, whoever asks? No database is asked for it.

Said from the settings of the running process and from the lists that the code obeys, so that it cannot differ from what is true.
No secret, no address of a part, and no word about any workspace: visitors read it as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import isolation
from accounts.access import is_public
from accounts.identity import providers
from accounts.middleware.reserved import RESERVED
from accounts.sealed import named_keys
from accounts.services.workspaces import GRACE_DAYS
from accounts.templatetags.look import moment
from aiaxis.backups import notes
from aiaxis.protection.facts import Fact
from files import storage


def facts() -> dict[str, list[Fact]]:
    """For each row of the promise, what stands."""
    return {
        "P1": [_addresses()],
        "P2": [*_identity_systems(), Fact("How soon a no counts", WITHDRAWN, "ok")],
        "P3": [*_sessions(), Fact("API keys", KEYS)],
        "P4": [Fact("Reserved names", f"{len(RESERVED)} names, in every place where a request can carry one.", "ok")],
        "P5": [_logins()],
        "P6": [],
        "P7": [_mail(), _reports()],
        "P8": [*_ways_in(), _guesses(), _breaches()],
        "P9": [
            _files(),
            *_encryption(),
            _backups(),
            Fact("Reading a document", READING, "ok"),
            Fact("In the end", ERASED),
        ],
    }


WITHDRAWN: Final = "With the next request, in every process, and on open streams within a second."
KEYS: Final = (
    "Each belongs to one member and one workspace, can do what was ticked for it and never more than its member may, is shown "
    "once, and dies with its member."
)
READING: Final = (
    "Documents are parsed in a process of their own that has no network, no file, no other program, no secret, and limited "
    "memory and time."
)
ERASED: Final = (
    f"A workspace that is closed for good is erased {GRACE_DAYS} days later: rows, bytes, and its people’s accounts where they "
    "belong to no other. The trail stays as long as its retention says."
)


def _addresses() -> Fact:
    everybody, all_of_them = _doors()
    return Fact(
        "Doors",
        f"{all_of_them} addresses, of which {everybody} are open to anybody: sign-in, invitations, health and pages like this "
        "one. None of those shows anybody’s data.",
        "ok",
    )


@cache
def _doors() -> tuple[int, int]:
    """How many addresses are open to anybody, and how many there are."""
    views = list(_views(get_resolver()))
    return sum(views), len(views)


def _views(resolver: URLResolver) -> Iterator[bool]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield is_public(pattern.callback)
        else:
            yield from _views(pattern)


def _identity_systems() -> list[Fact]:
    found = [
        Fact(
            "Identity store of this installation",
            "On. It keeps sessions, keys and passwords as hashes, in a database and under a login of its own. That database "
            "knows no workspace, and the platform’s database knows no password.",
            "ok",
        )
    ]
    if providers.has_workos():
        text = (
            "On. WorkOS sends people to their company’s sign-in, and what its directory says is heard within seconds."
        )
        return [*found, Fact("WorkOS", text, "ok")]
    text = "Not configured. Nobody comes in by single sign-on here; the second system is the identity store above."
    return [*found, Fact("WorkOS", text, "notice")]


def _sessions() -> list[Fact]:
    return [
        Fact(
            "Sessions",
            f"At most {_time(settings.SIGN_IN_SECONDS)}, and {_time(settings.SIGN_IN_IDLE_SECONDS)} between two requests. Kept "
            "as hashes in both systems; the cookie is not readable by scripts and is sent over HTTPS only.",
        ),
        Fact(
            "Sensitive acts",
            f"Keys, roles, sign-in rules and exports ask for a sign-in that is at most {_time(settings.RECENT_LOGIN_SECONDS)} "
            "old.",
        ),
    ]


def _logins() -> Fact:
    number = len(set(isolation.LOGINS.values())) + 1
    return Fact(
        "Database logins",
        f"{number}, one for each duty, each with exactly the rights that are written down. The one that serves requests cannot "
        "read the key of the seals, write a membership, or change an entry of the trail.",
        "ok",
    )


def _mail() -> Fact:
    if settings.EMAIL_BACKEND == "django.core.mail.backends.console.EmailBackend":
        text = "Not configured. Mails are printed where the worker runs, so alarms by mail reach nobody."
        return Fact("Mail", text, "notice")
    return Fact("Mail", "Configured.", "ok")


def _reports() -> Fact:
    if settings.SENTRY_DSN:
        return Fact(
            "Reports of crashes", "Their kind and place in the code leave for a collector; no word of a customer’s."
        )
    return Fact("Reports of crashes", "They stay in the server’s log.")


def _ways_in() -> list[Fact]:
    checker = "WorkOS" if settings.PASSWORDS == "workos" else "the identity store, as argon2id hashes"
    sso = "On, by WorkOS." if providers.has_workos() else "Not configured here."
    return [
        Fact("Single sign-on", sso, "ok" if providers.has_workos() else "notice"),
        Fact("Passwords", f"Checked by {checker}. A second factor can be switched on by everybody.", "ok"),
        Fact(
            "Operators",
            f"A second factor always, and at most {_time(settings.OPERATOR_SECONDS)}. "
            + ("From named networks only." if settings.OPERATOR_NETWORKS else "From any network: none were named."),
            "ok" if settings.OPERATOR_NETWORKS else "notice",
        ),
    ]


def _guesses() -> Fact:
    return Fact(
        "Guessing passwords",
        f"Stopped after {settings.AXES_FAILURE_LIMIT} wrong ones from one address for an account, and after "
        f"{settings.SIGN_IN_LIMIT_PER_ACCOUNT} from all addresses, in 15 minutes.",
        "ok",
    )


def _breaches() -> Fact:
    if settings.BREACHED_PASSWORDS_FILE:
        return Fact("Breached passwords", "Refused, by a list on this machine.", "ok")
    return Fact(
        "Breached passwords", "Only the most common ones are refused: no list of breaches is configured.", "notice"
    )


def _files() -> Fact:
    if storage.is_on_disk():
        where = "On the disk of the server, in a folder that only AiAxis’s own user can read."
    else:
        where = "In an object store, in a bucket that only AiAxis reads."
    return Fact("Where files lie", f"{where} Under random names: nothing that anybody typed becomes a path.")


def _encryption() -> list[Fact]:
    older = len(named_keys(settings.MODEL_KEY)) + len(named_keys(settings.NOTIFY_KEY)) + len(settings.IDENTITY_KEYS) - 3
    kept = f" {older} former keys are kept to read what is older." if older else ""
    return [
        Fact(
            "Secrets",
            "Keys for model vendors, addresses of notification channels and second factors are encrypted (AES-GCM), each kind "
            f"under a key of its own that no database holds.{kept}",
            "ok",
        ),
        Fact(
            "Files and rows",
            "AiAxis does not encrypt them a second time: whoever reads the server’s disks could read them. Ask whoever runs "
            "this installation whether its disks are encrypted.",
            "notice",
        ),
    ]


def _backups() -> Fact:
    made = notes.last_made()
    unseen = "Whoever runs this installation may copy it by other means, which it cannot see."
    if made is None:
        return Fact("Backups", f"Nobody has made one with AiAxis’s own command on this server. {unseen}", "notice")
    return Fact("Backups", f"The last one by AiAxis’s own command on this server: {moment(made)}. {unseen}")


def _time(seconds: int) -> str:
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"
