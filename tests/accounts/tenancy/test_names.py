"""Would we notice a name that every workspace can read, if it said something again?

P5. A topic in clear told ids of other workspaces to any LISTEN; a lock in clear let anybody hold a job of theirs up.
"""

from __future__ import annotations

from uuid import UUID

import pytest

from accounts import jobs
from accounts.attacks import MATRIX, Scene
from accounts.attacks.judging import judged
from accounts.attacks.stage import staged
from accounts.pseudonyms import CHANNELS, pseudonym

ATTACKS = {attack.name: attack for attack in MATRIX if attack.group == "channels"}


def test_a_topic_in_clear_would_be_overheard(committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with staged() as stage:
        scene = Scene(stage, "workspace")
        assert judged(ATTACKS["listen"], scene).holds

        def in_clear(workspace_id: UUID, row_id: UUID) -> str:
            return f"{workspace_id.hex}.{row_id.hex}"

        monkeypatch.setitem(CHANNELS, "aiaxis_conversations", in_clear)
        assert judged(ATTACKS["listen"], scene).leaks


def test_a_lock_in_clear_would_be_taken(committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with staged() as stage:
        scene = Scene(stage, "workspace")
        assert judged(ATTACKS["lock of their jobs"], scene).holds

        def in_clear(name: str, workspace_id: UUID, value: object) -> str:
            return f"{name}:{workspace_id.hex}:{value}"

        monkeypatch.setattr(jobs, "lock", in_clear)
        assert judged(ATTACKS["lock of their jobs"], scene).leaks


def test_one_purpose_never_gives_the_name_of_another() -> None:
    names = {
        pseudonym("topic", "a", "b"),
        pseudonym("topic", "ab"),
        pseudonym("lock", "a", "b"),
        pseudonym("topic", "b", "a"),
    }
    assert len(names) == 4
    assert pseudonym("topic", "a", "b") in names
