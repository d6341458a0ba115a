"""How does an entry read as a line of JSON, of CSV, or as an event for a SIEM?"""

from __future__ import annotations

import json
from collections.abc import Iterable

from accounts import spreadsheets
from audit.exports import ocsf
from audit.models import Entry
from audit.schemas import EntryOut

COLUMNS = tuple(name for name in EntryOut.model_fields if name != "detail")


def jsonl(entries: Iterable[Entry], *, first: bool) -> str:
    """One JSON object a line, with the fields of the API."""
    return "".join(f"{json.dumps(EntryOut.of(entry).model_dump(mode='json'))}\n" for entry in entries)


def as_csv(entries: Iterable[Entry], *, first: bool) -> str:
    """One line each, every field in quotes, with a line of names before the ``first``; inert in a spreadsheet."""
    rows = [[*COLUMNS, "detail"]] if first else []
    for entry in entries:
        values = EntryOut.of(entry).model_dump(mode="json")
        row = ["" if values[name] is None else str(values[name]) for name in COLUMNS]
        rows.append([*row, json.dumps(values["detail"])])
    return spreadsheets.lines(rows)


def as_ocsf(entries: Iterable[Entry], *, first: bool) -> str:
    """One JSON object a line, each an event of OCSF."""
    return "".join(f"{json.dumps(ocsf.event(entry))}\n" for entry in entries)


WRITERS = {"jsonl": jsonl, "csv": as_csv, "ocsf": as_ocsf}
MEDIA = {
    "jsonl": "application/jsonl; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "ocsf": "application/jsonl; charset=utf-8",
}
