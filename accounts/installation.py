"""What is this installation made of, what is not configured, and what does that mean for people?

Said from the settings of the running process, so that it cannot differ from what is true. No address, name or secret of any
part is shown: an administrator of one workspace runs no machine here.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from accounts.identity import providers


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the installation: is it configured, what follows for people, and what would change it."""

    name: str
    is_configured: bool
    meaning: str
    change: str = ""


def parts(*, is_secure: bool) -> list[Part]:
    """Every part that can be configured, those that are not first. `is_secure`: this request came over HTTPS."""
    model = Part(
        "Language model",
        is_configured=False,
        meaning="Without one, agents find the passages that answer a question and quote them word for word. They write no "
        "prose, so they invent nothing.",
        change="Each workspace adds its own providers under Settings, Models.",
    )
    return sorted([model, *of_settings(is_secure=is_secure)], key=lambda part: part.is_configured)


def of_settings(*, is_secure: bool) -> list[Part]:
    """The parts that whoever runs the installation configures, for all workspaces together."""
    return [
        _single_sign_on(),
        _mail(),
        _error_reports(),
        _database(),
        _counters(),
        _file_store(),
        _scanner(),
        _transport(is_secure=is_secure),
    ]


def _single_sign_on() -> Part:
    if providers.has_workos():
        heard = "sooner by its webhooks" if settings.WORKOS_WEBHOOK_SECRET else "without webhooks"
        return Part(
            "Single sign-on",
            is_configured=True,
            meaning="WorkOS sends people to their company’s sign-in. What happens in a company’s directory is heard within "
            f"seconds ({heard}).",
        )
    return Part(
        "Single sign-on",
        is_configured=False,
        meaning="People sign in with a password, which a separate identity store checks in a database of its own.",
        change="Set WORKOS_API_KEY, WORKOS_CLIENT_ID and WORKOS_ISSUER.",
    )


def _mail() -> Part:
    if settings.EMAIL_BACKEND == "django.core.mail.backends.console.EmailBackend":
        return Part(
            "Mail server",
            is_configured=False,
            meaning="Mails are printed where the worker runs, so links to a new password or address reach nobody.",
            change="Set EMAIL_URL, MAIL_FROM and PUBLIC_URL.",
        )
    return Part(
        "Mail server", is_configured=True, meaning="Links to a new password or address are mailed to the person alone."
    )


def _error_reports() -> Part:
    if settings.SENTRY_DSN:
        return Part(
            "Error reports",
            is_configured=True,
            meaning="The kind of each crash and its place in the code are reported, without a word from any workspace.",
        )
    return Part(
        "Error reports",
        is_configured=False,
        meaning="Crashes stand in the log of the server only.",
        change="Set SENTRY_DSN.",
    )


def _database() -> Part:
    if settings.EMBEDDED:
        return Part(
            "PostgreSQL of your own",
            is_configured=False,
            meaning="The embedded server is used. It is a full PostgreSQL, for one machine.",
            change="Set DATABASE_URL and its companions.",
        )
    return Part(
        "PostgreSQL of your own", is_configured=True, meaning="Data lives in the server that DATABASE_URL names."
    )


def _counters() -> Part:
    if settings.CACHES["default"]["BACKEND"] == "accounts.cache.CounterCache":
        return Part(
            "Redis",
            is_configured=False,
            meaning="Attempts and rate limits are counted in PostgreSQL, exactly, for every process together.",
            change="Set CACHE_URL where very many hosts count.",
        )
    return Part(
        "Redis", is_configured=True, meaning="Attempts and rate limits are counted in the store that CACHE_URL names."
    )


def _file_store() -> Part:
    if settings.STORAGES["default"]["BACKEND"] != "files.objects.ObjectStorage":
        return Part(
            "Object store",
            is_configured=False,
            meaning="Files lie in a private folder of this machine.",
            change="Set FILES_S3_BUCKET and its companions where several machines need the files.",
        )
    return Part(
        "Object store",
        is_configured=True,
        meaning="Files lie in a private bucket under random names. They leave it through AiAxis only.",
    )


def _scanner() -> Part:
    if settings.CLAMAV:
        return Part(
            "Virus scanner",
            is_configured=True,
            meaning="ClamAV looks at each file before it is read. What it finds is refused and not kept.",
        )
    return Part(
        "Virus scanner",
        is_configured=False,
        meaning="Files are checked for their type and read in a confined process, and not scanned for known viruses.",
        change="Set CLAMAV_SOCKET.",
    )


def _transport(*, is_secure: bool) -> Part:
    if is_secure:
        return Part("HTTPS", is_configured=True, meaning="This page came to you encrypted.")
    return Part(
        "HTTPS",
        is_configured=False,
        meaning="Sign-in works from this machine only: browsers send a secure cookie over http:// to 127.0.0.1 and to no "
        "other address.",
        change="Put a proxy that ends TLS in front.",
    )
