"""How does an entry read as a line of JSON, of CSV, or as an event for a SIEM?"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

from audit.exports import ocsf
from audit.models import Entry
from audit.schemas import EntryOut

COLUMNS = tuple(name for name in EntryOut.model_fields if name != "detail")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def jsonl(entries: Iterable[Entry], *, first: bool) -> str:
    """One JSON object a line, with the fields of the API."""
    return "".join(f"{json.dumps(EntryOut.of(entry).model_dump(mode='json'))}\n" for entry in entries)


def as_csv(entries: Iterable[Entry], *, first: bool) -> str:
    """One line each, every field in quotes, with a line of names before the ``first``; inert in a spreadsheet."""
    written = io.StringIO()
    table = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    if first:
        table.writerow([*COLUMNS, "detail"])
    for entry in entries:
        values = EntryOut.of(entry).model_dump(mode="json")
        row = ["" if values[name] is None else str(values[name]) for name in COLUMNS]
        table.writerow([inert(value) for value in [*row, json.dumps(values["detail"])]])
    return written.getvalue()


def as_ocsf(entries: Iterable[Entry], *, first: bool) -> str:
    """One JSON object a line, each an event of OCSF."""
    return "".join(f"{json.dumps(ocsf.event(entry))}\n" for entry in entries)


def inert(value: str) -> str:
    """The value as a spreadsheet shows it and never computes it: strangers chose paths and user agents."""
    return f"'{value}" if value.startswith(_FORMULA) else value


WRITERS = {"jsonl": jsonl, "csv": as_csv, "ocsf": as_ocsf}
MEDIA = {
    "jsonl": "application/jsonl; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "ocsf": "application/jsonl; charset=utf-8",
}
