"""Does a list come in parts without skipping or repeating a row, and does a cursor open nothing?"""

from __future__ import annotations

import uuid

import pytest

from accounts.pagination import LARGEST_PAGE, BadCursor, paginate
from files.models import File
from tests.cast import ALICE, CHARLIE, Person, acting

pytestmark = pytest.mark.django_db(databases=["default"])


def a_file(owner: Person) -> File:
    file: File = File.objects.create(
        owner_id=owner.membership_id,
        name="a.txt",
        media_type="text/plain",
        size=1,
        sha256=uuid.uuid4().hex * 2,
        storage_key=uuid.uuid4().hex,
    )
    return file


def test_it_gives_every_row_once_newest_first() -> None:
    with acting(ALICE):
        made = [a_file(ALICE).pk for _ in range(7)]
        seen, cursor = [], None
        while True:
            page = paginate(File.objects.all(), cursor, 3)
            seen += [file.pk for file in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert seen == sorted(made, reverse=True)


def test_rows_that_arrive_meanwhile_shift_nothing() -> None:
    with acting(ALICE):
        made = [a_file(ALICE).pk for _ in range(4)]
        first = paginate(File.objects.all(), None, 2)
        a_file(ALICE)
        second = paginate(File.objects.all(), first.next, 2)
    assert [file.pk for file in first.items + second.items] == made[::-1]
    assert second.next is None


def test_a_foreign_cursor_is_a_point_in_time_and_opens_nothing() -> None:
    """L10: pages and totals of a list stay inside the workspace."""
    with acting(CHARLIE):
        a_file(CHARLIE)
        a_file(CHARLIE)
        foreign = paginate(File.objects.all(), None, 1).next
    with acting(ALICE):
        own = [a_file(ALICE).pk]
        assert [file.pk for file in paginate(File.objects.all(), foreign, 10).items] == []
        assert [file.pk for file in paginate(File.objects.all(), None, 10).items] == own


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "a" * 5000, "../../etc", "%00", "AAAAAAAAAAAAAAAAAAAAAA=="])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with acting(ALICE), pytest.raises(BadCursor):
        paginate(File.objects.all(), cursor, 10)


@pytest.mark.parametrize("limit", [0, -5, 10**9])
def test_a_page_is_never_empty_by_request_nor_larger_than_the_largest(limit: int) -> None:
    with acting(ALICE):
        for _ in range(3):
            a_file(ALICE)
        assert 1 <= len(paginate(File.objects.all(), None, limit).items) <= LARGEST_PAGE


def test_what_has_a_number_goes_by_it_and_takes_no_key_for_one() -> None:
    with acting(ALICE):
        made = [a_file(ALICE) for _ in range(5)]
        for number, file in enumerate(made):
            File.objects.filter(pk=file.pk).update(pages=(number * 2) % 5)
        first = paginate(File.objects.all(), None, 2, by="pages")
        second = paginate(File.objects.all(), first.next, 3, by="pages")
        assert [file.pages for file in first.items + second.items] == [4, 3, 2, 1, 0]
        assert second.next is None
        of_keys = paginate(File.objects.all(), None, 2).next
        with pytest.raises(BadCursor):
            paginate(File.objects.all(), of_keys, 2, by="pages")
