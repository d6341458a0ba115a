"""What does this vendor's model say? What it was told to; otherwise it quotes the passages that it was given, and cites them.

It is a model as an attacker would wish for: asked to by a passage, it does what that says (`obeys`).
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

MODELS: Final = ("tern-small", "tern-large")
NOTHING: Final = "My files say nothing about that."
SENTENCE: Final = re.compile(r"[^.!?]+[.!?]")


def question_of(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """The passages and the question, as they stand in the last turn; empty where it holds none."""
    try:
        found = json.loads(turns[-1]["content"])
    except (ValueError, KeyError, IndexError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def reply(turns: list[dict[str, Any]], system: str = "") -> str:
    """The first sentence of each of the first two passages, with their ids; the refusal of the rules where there is no passage."""
    asked = question_of(turns)
    passages = asked.get("passages", [])[:2]
    if not passages:
        refusal = re.search(r'nothing else: ("(?:[^"\\]|\\.)*")', system)
        return str(json.loads(refusal[1])) if refusal else NOTHING
    said = [f"{_first(passage['text'])} [{passage['id']}]" for passage in passages]
    return "According to your files:\n\n" + "\n\n".join(said)


def _first(text: str) -> str:
    body = " ".join(text.split())
    sentences = [found.group().strip() for found in SENTENCE.finditer(body)]
    return max(sentences, key=len) if sentences else body
