"""Who owns what somebody shared who is no longer a member?"""

from __future__ import annotations

import pytest
from django.db import connection

from audit.models import Entry
from files.models import File
from tests import doors
from tests.cast import ADA, BOB, CHARLIE, Person, acting
from tests.factories import FileFactory

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
MEMBER = f"/people/{BOB.membership_id}/"


def owners(person: Person) -> dict[object, object]:
    with acting(person):
        return dict(File.objects.values_list("pk", "owner_id"))


def test_shared_files_pass_on_so_that_somebody_can_close_and_delete_them() -> None:
    """Everybody read on what nobody could delete any more, and it filled the workspace's room."""
    with acting(BOB):
        shared, private = FileFactory(visibility="workspace", name="a.txt"), FileFactory(visibility="private")
    ada = doors.browser(ADA)
    assert "1 shared file passes to you: “a.txt”." in ada.get(MEMBER).content.decode()
    assert ada.post(f"/files/{shared.pk}/delete/").status_code == 403
    ada.post(f"{MEMBER}remove/")
    assert owners(ADA) == {shared.pk: ADA.membership_id}
    assert owners(BOB)[private.pk] == BOB.membership_id, "what he kept to himself stays his"
    with acting(ADA):
        [told] = Entry.objects.filter(action="file.handed_over")
        assert (told.target_id, told.detail["heir"]) == (str(shared.pk), str(ADA.membership_id))
    assert ada.post(f"/files/{shared.pk}/delete/").status_code == 302
    assert owners(ADA) == {}


def test_a_shared_file_that_the_heir_has_too_stays_as_it_is() -> None:
    with acting(ADA):
        own = FileFactory(sha256="f" * 64)
    with acting(BOB):
        same, other = FileFactory(visibility="workspace", sha256="f" * 64), FileFactory(visibility="workspace")
    doors.browser(ADA).post(f"{MEMBER}remove/")
    assert owners(ADA) == {own.pk: ADA.membership_id, same.pk: BOB.membership_id, other.pk: ADA.membership_id}


def test_nobody_takes_the_files_of_somebody_who_is_there() -> None:
    """The function that hands over, called by injected SQL, and from another workspace."""
    with acting(BOB):
        shared = FileFactory(visibility="workspace")
    for person in (ADA, CHARLIE):
        with acting(person), connection.cursor() as cursor:
            cursor.execute("SELECT file FROM fence.hand_over_files(%s)", [BOB.membership_id])
            assert cursor.fetchall() == []
    assert owners(BOB) == {shared.pk: BOB.membership_id}
