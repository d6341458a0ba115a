"""What does AiAxis promise? Nine rows, word for word; docs/promise.md has the same words beside the code that keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Promise:
    """One row: its mark, what it is about, the promise's own words, and what that means for whoever reads it."""

    mark: str
    title: str
    words: tuple[str, ...]
    meaning: str


PROMISES: Final = (
    Promise(
        "P1",
        "Every data-access endpoint needs authentication",
        (
            (
                "Authentication is required for every data-access endpoint. You must be logged in before any data can be read, "
                "written, or modified. Unauthenticated requests to protected endpoints are rejected immediately."
            ),
        ),
        "Every address is closed unless it was written down as open. Whoever is not signed in is turned away before the "
        "database is asked anything.",
    ),
    Promise(
        "P2",
        "Two independent systems must agree",
        (
            (
                "Your identity is double-validated before any access is granted. Every authentication is verified in two "
                "independent systems that must agree before access is granted."
            ),
        ),
        "With every request, an identity system vouches for the credential, and the platform’s own database says that the "
        "person, the membership and the workspace are active. A no from either, or silence, is a refusal.",
    ),
    Promise(
        "P3",
        "Credentials define the scope of the request",
        (
            (
                "Your verified credentials define the scope of the request. When you authenticate — whether through SSO, an API "
                "key, or a password — the platform resolves your identity, your Wrench workspace, and your role."
            ),
        ),
        "Whatever you come with leads to one answer: who you are, in which workspace, as what. A request cannot change it.",
    ),
    Promise(
        "P4",
        "Workspace and user come from the credential alone",
        (
            (
                "The platform does not accept these values from request parameters — they are extracted exclusively from your "
                "verified credentials. These fields are internally reserved to prevent spoofing or impersonation attack vectors."
            ),
        ),
        "A request that tries to name a workspace, a person or a role is refused and recorded, never silently ignored.",
    ),
    Promise(
        "P5",
        "Every query is filtered, at the database",
        (
            (
                "Every query is filtered and scoped to your workspace. All data retrieval is filtered by your workspace ID (and "
                "user ID where applicable) at the database level."
            ),
            "No data from another workspace can appear in your results. No cross-contamination is possible.",
        ),
        "The database itself shows rows of your workspace only, under a seal that the application cannot forge. Private "
        "rows it shows to their owner only.",
    ),
    Promise(
        "P6",
        "Every refusal is recorded",
        (
            (
                "Unauthorized attempts are logged and reviewed. Any request that fails authentication or attempts to access "
                "resources outside its authorized scope is immediately logged with full request context."
            ),
        ),
        "What was done and what was refused stands in a trail that nobody can change unseen: each entry is sealed within a "
        "minute.",
    ),
    Promise(
        "P7",
        "Critical failures notify the operations team",
        ("Critical failures trigger real-time notifications to the operations team for review.",),
        "What looks like an attack is told within seconds to the people who run this installation, and stays in their queue "
        "until somebody has looked at it.",
    ),
    Promise(
        "P8",
        "Single sign-on, API keys, passwords",
        (
            "AiAxis supports enterprise-grade authentication through single sign-on (SSO), API keys, and password-based login.",
        ),
        "Each way in passes the same gates, and each can be withdrawn at once.",
    ),
    Promise(
        "P9",
        "Agents, files and conversations",
        (
            (
                "This document describes the security measures in place to protect your data, agents, files, and conversations on "
                "the AiAxis platform."
            ),
        ),
        "What you upload, ask and are told is yours: private until you share it, and read by operators only when the glass "
        "is broken, which you are told.",
    ),
)
