"""With whom of a workspace's members is a row shared by name, and how does the database itself answer that?

Each thing that can be shared so has a table of its own that derives from `Share`. Two policies must not ask each other, or
PostgreSQL refuses both: so what is shared asks the shares (`named`), and a share asks nothing but its own row, which carries the
owner of what is shared. That this is the true one, now and after it changed, is held by the foreign key (`OwnedForeignKey`),
not by a policy: nobody can write a share of what is not theirs, in raw SQL either.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from django import forms
from django.db import models

from accounts.http import NotVisible, Tenant, TenantRequest
from accounts.models import Membership
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

MOST_PEOPLE: Final = 200
TOO_MANY: Final = f"Up to {MOST_PEOPLE} people can be chosen by name. Share it with everyone in the workspace instead."

# Whoever it is shared with sees that, and nobody else's share; the owner sees all of them.
SHARE_SEEN: Final = "member_id = {member} OR owner_id = {member}"
SHARE_WRITTEN: Final = "owner_id = {member}"
# To somebody who is there: what is shared with one who left would be theirs on the day that they come back.
SHARE_MADE: Final = (
    "owner_id = {member} AND EXISTS (SELECT 1 FROM accounts_membership m "
    "WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.member_id AND m.status = 'active')"
)
# What a suspended member shares is shared again when they are restored.
OWNER_THERE: Final = (
    "EXISTS (SELECT 1 FROM accounts_membership o "
    "WHERE o.workspace_id = {table}.workspace_id AND o.id = {table}.owner_id AND o.status = 'active')"
)


NAMED: Final = "named"
"""The visibility under which people are chosen by name; the other two are "private" and "workspace"."""
PRIVATE: Final = "private"


class Share(WorkspaceModel):
    """One row is shared with one member. `owner` is the owner of what is shared, which the foreign key to that holds it to."""

    owner = WorkspaceForeignKey(Membership, models.PROTECT, related_name="+")
    member = WorkspaceForeignKey(Membership, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


def takes_back(request: TenantRequest) -> bool:
    """Does this form only end a sharing? Sharing takes a member; what somebody shared they end as whatever they are now."""
    return request.method == "POST" and request.POST.get("visibility") == PRIVATE


def named(table: str, column: str) -> str:
    """The condition of a read policy: the row is shared with this member by name, in this table and column of shares.

    The ids are asked for once in a statement and only when it comes to that, not once a row: so it stands behind the conditions
    that most rows meet.
    """
    return f"id IN (SELECT s.{column} FROM {table} s WHERE s.member_id = {{member}})"  # noqa: S608 - our own words


def people_of(shares: type[Share], **of: Any) -> list[Membership]:
    """Return the members with whom this row is shared, by name, as far as the bound member may know."""
    ids = shares.objects.filter(**of).values("member_id")
    return list(Membership.objects.filter(pk__in=ids).order_by("display_name", "pk"))


def share_with(
    shares: type[Share], member_ids: Collection[UUID], *, owner_id: UUID, **of: Any
) -> tuple[list[str], list[str]]:
    """Share this row with exactly these members; return the ids of those who are new and of those who no longer are."""
    wanted, present = set(member_ids) - {owner_id}, set(shares.objects.filter(**of).values_list("member_id", flat=True))
    shares.objects.filter(member_id__in=present - wanted, **of).delete()
    # Two forms saved at the same moment may both add somebody; once is what both meant.
    fresh = [shares(owner_id=owner_id, member_id=one, **of) for one in wanted - present]
    shares.objects.bulk_create(fresh, ignore_conflicts=True)
    return sorted(map(str, wanted - present)), sorted(map(str, present - wanted))


class PeopleField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # generic only in the stubs
    """Active members to choose from. A form leaves out its own reader with `without`."""

    def __init__(self, **options: Any) -> None:
        there = Membership.objects.filter(status=Membership.Status.ACTIVE).order_by("display_name", "pk")
        super().__init__(queryset=there, widget=forms.CheckboxSelectMultiple, required=False, **options)

    def without(self, member_id: UUID) -> None:
        """Offer everybody but this one."""
        self.queryset = self.queryset.exclude(pk=member_id)  # type: ignore[union-attr]  # set in `__init__`

    def label_from_instance(self, member: Membership) -> str:
        """Name and address: two people may have one name."""
        return f"{member.display_name} ({member.email})"

    def clean(self, value: Any) -> Any:
        """Return the chosen members; raise NotVisible when one of them is nobody here."""
        if len(value or ()) > MOST_PEOPLE:
            raise forms.ValidationError(TOO_MANY)
        try:
            return super().clean(value)
        except forms.ValidationError as error:
            if error.code in {"invalid_choice", "invalid_pk_value"}:
                # A page offers only who is here; an id from elsewhere was put in by hand (L1).
                raise NotVisible.among(value) from error
            raise


class SharingForm(forms.Form):
    """With whom something is shared. Whatever is shared brings `visibility`, a choice, `people`, and what to say when nobody is chosen."""

    nobody = "Choose at least one person, or keep it to yourself."

    def __init__(self, *args: Any, reader: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["people"].without(reader.membership_id)  # type: ignore[attr-defined]  # a people field

    def clean(self) -> dict[str, Any]:
        """Nobody chosen is private, and whoever wanted that would have said so."""
        values = super().clean() or {}
        if values.get("visibility") == NAMED and not values.get("people") and "people" not in self.errors:
            self.add_error("people", self.nobody)
        return values

    def chosen(self) -> dict[str, Any]:
        """Return what the services take: the visibility, and the memberships of those who were chosen."""
        people = [one.pk for one in self.cleaned_data["people"]]
        return {"visibility": self.cleaned_data["visibility"], "people": people}
