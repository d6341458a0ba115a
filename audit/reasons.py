"""Which reasons does a refusal have, and what does a person read of each?

Closed, like the actions (`rules.py`): what stands in neither this list nor `accounts.http.Reason` is recorded as unlisted.
"""

from accounts.http import Reason

FOREIGN = "foreign"
"""What the shipper found out after the answer: no check says it, and no answer does."""
UNLISTED = "unlisted"
"""What an action or reason outside the lists is recorded as; the word that was sent goes into the details."""

REASONS: dict[str, str] = {
    "": "",
    Reason.ANONYMOUS: "Nobody was signed in.",
    Reason.CREDENTIAL: "The session, key or password was not accepted.",
    Reason.TWO_CREDENTIALS: "The request carried two credentials.",
    Reason.WRONG_DOOR: "A key cannot open pages, and a session cannot open the API.",
    Reason.RESERVED_NAME: "The request carried a name that only the credential may decide.",
    Reason.CSRF: "The form did not carry this session's token.",
    Reason.ROLE: "The member's role does not allow it.",
    Reason.SCOPE: "The key's scopes do not allow it.",
    Reason.STALE_LOGIN: "The act asks for a recent sign-in.",
    Reason.FORBIDDEN: "A rule of AiAxis or of the workspace does not allow it.",
    Reason.NOT_FOUND: "Nothing like it is visible to this member.",
    Reason.BLOCKED: "An operator shut this address out for a time.",
    Reason.THROTTLED: "Too many attempts in a short time.",
    Reason.OUTAGE: "A system that has to answer gave no answer.",
    Reason.HOST: "The request was addressed to a host that is not ours.",
    Reason.MALFORMED: "The request could not be read.",
    "conflict": "It collided with something that happened at the same time.",
    "isolation": "The database refused to leave the workspace.",
    Reason.METHOD: "The address does not take this kind of request.",
    Reason.CRASH: "The server failed while it answered.",
    "too_large": "The request was too large.",
    "unsupported_type": "This kind of content is not accepted.",
    FOREIGN: "What was asked for belongs to another workspace.",
    UNLISTED: "A reason outside the closed list.",
}

REASON_OF_STATUS: dict[int, str] = {
    400: Reason.MALFORMED,
    401: Reason.ANONYMOUS,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    405: Reason.METHOD,
    409: "conflict",
    413: "too_large",
    415: "unsupported_type",
    422: Reason.MALFORMED,
    429: Reason.THROTTLED,
    500: Reason.CRASH,
    503: Reason.OUTAGE,
}
"""What a finished response means when nobody said why: the refusals that Django itself makes."""
