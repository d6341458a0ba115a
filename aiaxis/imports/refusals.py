"""Why is an export not imported, and what is the person told?

Every refusal is of the whole file: a part of a workspace that was changed on its way is worth less than nothing. The word goes
into the trail, the sentence to the person.
"""

from __future__ import annotations

from typing import Final

SENTENCES: Final = {
    "no_zip": "This file is not a whole ZIP. It may have been cut off on its way: fetch the export again.",
    "damaged": "A part of this ZIP cannot be unpacked, so it was changed or damaged on its way. Fetch the export again.",
    "too_large": "Unpacked, this export is larger than what this workspace has room for. Ask whoever runs this installation for more room.",
    "no_export": "This ZIP is not an export of a workspace: its list of contents is missing or is not one.",
    "version": "This export was made by another version of AiAxis that writes what this one does not know. Bring both to the same version, then export again.",
    "signature": "The signature of this export is not right, so its list of contents was changed after it was made. Fetch the export again.",
    "signer": "This export was signed by an installation with another fingerprint than the one you entered. Compare it with the page Export there, then try again.",
    "parts": "What is in this ZIP is not what its signed list says: something was added or taken away. Fetch the export again.",
    "hash": "A part of this export is not what its signed list says: it was changed after it was made. Fetch the export again.",
    "rows": "A row of this export is not of the form that exports have, so nothing was imported. Export again, and tell whoever runs the other installation if it stays so.",
    "links": "A row of this export names another one that is not in it, so nothing was imported. Export again, and tell whoever runs the other installation if it stays so.",
    "files": "The files in this export are not those that its rows describe, so nothing was imported. Export again.",
    "not_empty": "This workspace holds files, agents or conversations already. An import fills an empty one; ask whoever runs this installation for a new workspace.",
    "no_room": "What is in this export has no room in this workspace. Ask whoever runs this installation for more room.",
    "role": "Whoever ordered this import is not an owner of the workspace any more, so nothing was imported.",
}


class ImportRefused(Exception):
    """Nothing is imported. ``why`` is a word of ``SENTENCES``; ``part`` says where, in a name of ours; the message is for people."""

    def __init__(self, why: str, part: str = "") -> None:
        super().__init__(f"{SENTENCES[why]} ({part})" if part else SENTENCES[why])
        self.why = why
        self.part = part
