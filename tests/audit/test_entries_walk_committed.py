"""Does each address leave the entry that it declares, where others must see what it is asked for: on the operators' console above all?"""

from __future__ import annotations

from typing import Final

import pytest

from tests.audit.test_entries_walk import COMMITTED, WALKED, walked
from tests.cast import ALICE, OLGA
from tests.doors import browser, operator
from tests.factories import a_full_desk

pytestmark = pytest.mark.usefixtures("committed")


OF_A_WORKSPACE: Final = ("operator:glass_", "operator:accounts_visit_", "operator:procrastinate_", "accounts:")
"""What is asked for something of a workspace; the others find what they show without a desk of somebody's."""


@pytest.mark.parametrize("name", [name for name in WALKED if name.startswith(COMMITTED)])
def test_a_page_leaves_the_entry_that_it_declares(name: str) -> None:
    """L37 and L36."""
    made = a_full_desk(ALICE) if name.startswith(OF_A_WORKSPACE) else None
    walked(name, made, operator(OLGA) if name.startswith("operator:") else browser(ALICE))
