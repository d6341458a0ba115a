"""Writing through the ORM: changing, taking over, removing or pointing at what is not the attacker's."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.core import serializers
from django.db import DatabaseError, connection, models, transaction

from accounts.attacks.filling import filled
from accounts.attacks.judging import sql_state
from accounts.attacks.matrix import Scene, accessor_of, attack, bare, children_of, keys_of, saved, text_column
from accounts.models import Membership
from accounts.tenancy.models import WorkspaceModel, new_id

UNIQUE = "23505"
"""Unique violation: somebody tried to make a row under an id that is taken. Nothing was changed."""


def _change(scene: Scene, model: Any) -> dict[str, object]:
    """Return a harmless-looking change that would be visible in the victim's row."""
    column = text_column(model)
    return {column: "taken"} if column else {"workspace_id": scene.attacker.workspace_id}


def _made_up(scene: Scene, model: Any) -> Any:
    """Return an instance with the victim's id that no query ever returned, claiming the attacker's workspace."""
    row = filled(model, scene.attacker, scene.stage.rows)
    row.pk = scene.target(model)
    row._state.adding = False  # As after a query: then Django writes UPDATE, and INSERT only if that found nothing.
    return row


@attack(writes=True)
def update(scene: Scene, model: Any) -> object:
    """.filter(pk=…).update(…)"""
    return model.objects.filter(pk=scene.target(model)).update(**_change(scene, model))


@attack(writes=True)
def update_on_base_manager(scene: Scene, model: Any) -> object:
    """_base_manager.update(…)"""
    return model._base_manager.filter(pk=scene.target(model)).update(**_change(scene, model))


@attack(writes=True)
def update_on_bare_queryset(scene: Scene, model: Any) -> object:
    """QuerySet(Model).update(…) on everybody's rows at once (on the stage: a real row must not be in danger)"""
    everybody = [scene.stage.row(player, model) for player in scene.stage.players if player != scene.stage.mallory]
    return bare(model).filter(pk__in=everybody).update(**_change(scene, model))


@attack(writes=True)
def asynchronous_update(scene: Scene, model: Any) -> object:
    """Await .aupdate(…)"""
    return async_to_sync(bare(model).filter(pk=scene.target(model)).aupdate)(**_change(scene, model))


@attack(writes=True, also_refused=(UNIQUE,))
def save_made_up_instance(scene: Scene, model: Any) -> object:
    """Model(pk=<victim's>, workspace=<own>).save() (L8)"""
    row = _made_up(scene, model)
    row.save() if isinstance(row, WorkspaceModel) else row.save_base()
    return scene.rehearsal


@attack(writes=True, fronts=("workspace",))
def save_made_up_instance_in_foreign_workspace(scene: Scene, model: Any) -> object:
    """Model(pk=<victim's>, workspace=<victim's>).save()"""
    row = _made_up(scene, model)
    row.workspace_id = scene.victim.workspace_id
    row.save() if isinstance(row, WorkspaceModel) else row.save_base()
    return True


@attack(writes=True, also_refused=(UNIQUE,))
def load_as_fixture(scene: Scene, model: Any) -> object:
    """Loaddata's path, which calls no model's save()"""
    text = serializers.serialize("json", [_made_up(scene, model)])
    for found in serializers.deserialize("json", text):
        found.save()
    return scene.rehearsal


@attack(writes=True)
def bulk_update(scene: Scene, model: Any) -> object:
    """.bulk_update([<made up>], […])"""
    column = text_column(model)
    return column and model.objects.bulk_update([_made_up(scene, model)], [column])


@attack(writes=True, also_refused=(UNIQUE,))
def bulk_create_over_existing(scene: Scene, model: Any) -> object:
    """.bulk_create(update_conflicts=True): create becomes update (L8)"""
    column = text_column(model)
    row = _made_up(scene, model)
    if not column or not isinstance(row, WorkspaceModel):
        return scene.rehearsal
    setattr(row, column, "taken")
    model.objects.bulk_create([row], update_conflicts=True, update_fields=[column], unique_fields=["id"])
    return scene.rehearsal


@attack(writes=True, fronts=("workspace",), rehearsed=False)
def create_in_foreign_workspace(scene: Scene, model: Any) -> object:
    """Model.objects.create(workspace_id=<victim's>) (L9)"""
    row = filled(model, scene.victim, scene.stage.rows)
    row.pk = new_id()
    saved(row)
    return True


@attack(writes=True, fronts=("workspace",), rehearsed=False)
def bulk_create_in_foreign_workspace(scene: Scene, model: Any) -> object:
    """.bulk_create([…]) with the victim's workspace (L9)"""
    row = filled(model, scene.victim, scene.stage.rows)
    row.pk = new_id()
    return bare(model).bulk_create([row])


@attack(writes=True, fronts=("member",), rehearsed=False)
def create_in_colleagues_name(scene: Scene, model: Any) -> object:
    """Model.objects.create(owner=<a colleague>)"""
    row = filled(model, scene.victim, scene.stage.rows)
    row.pk = new_id()
    if not keys_of(model):
        return None
    saved(row)
    return True


@attack(writes=True, also_refused=(UNIQUE,))
def get_or_create(scene: Scene, model: Any) -> object:
    """.get_or_create(pk=<victim's>)"""
    row = _made_up(scene, model)
    if not isinstance(row, WorkspaceModel):
        return scene.rehearsal
    defaults = {
        column.attname: getattr(row, column.attname) for column in model._meta.concrete_fields if not column.generated
    }
    defaults.pop("id")
    found, created = model.objects.get_or_create(pk=scene.target(model), defaults=defaults)
    return scene.loot(vars(found)) and not created


@attack(writes=True, also_refused=(UNIQUE,))
def update_or_create(scene: Scene, model: Any) -> object:
    """.update_or_create(pk=<victim's>)"""
    row = _made_up(scene, model)
    if not isinstance(row, WorkspaceModel):
        return scene.rehearsal
    defaults = {
        column.attname: getattr(row, column.attname) for column in model._meta.concrete_fields if not column.generated
    }
    defaults.pop("id")
    _, created = model.objects.update_or_create(pk=scene.target(model), defaults=defaults)
    return not created


@attack(writes=True)
def delete(scene: Scene, model: Any) -> object:
    """.filter(pk=…).delete()"""
    return model.objects.filter(pk=scene.target(model)).delete()[0]


@attack(writes=True)
def delete_past_the_model(scene: Scene, model: Any) -> object:
    """The same, past the model's own delete()"""
    return models.Model.delete(_made_up(scene, model))[0]


@attack(writes=True)
def delete_instance(scene: Scene, model: Any) -> object:
    """Model(pk=<victim's>, workspace=<own>).delete()"""
    row = _made_up(scene, model)
    return row.delete()[0] if isinstance(row, WorkspaceModel) else scene.rehearsal


@attack(writes=True)
def raw_delete(scene: Scene, model: Any) -> object:
    """._raw_delete(), which asks no collector"""
    return bare(model).filter(pk=scene.target(model))._raw_delete("default")


@attack(writes=True, also_refused=(UNIQUE,))
def point_a_new_row_at_theirs(scene: Scene, model: Any) -> object:
    """A row of one's own whose key names the victim's row (L1, L6, L17)"""
    loot = []
    for child, key in children_of(model):
        row = filled(child, scene.attacker, scene.stage.rows)
        row.pk = new_id()
        setattr(row, key.attname, scene.target(model))
        loot.append(_accepted(row.save))
    return any(loot)


@attack(writes=True, also_refused=(UNIQUE,))
def point_an_own_row_at_theirs(scene: Scene, model: Any) -> object:
    """.update(<key>=<victim's row>) on a row of one's own (L1)"""
    loot = []
    for child, key in children_of(model):
        rows = bare(child).filter(pk=scene.own(child))
        loot.append(_accepted(lambda rows=rows, key=key: rows.update(**{key.attname: scene.target(model)})))
    return any(loot)


@attack(writes=True, also_refused=(UNIQUE,))
def add_through_relation(scene: Scene, model: Any) -> object:
    """parent.children.create() on the victim's parent, made up in memory (L17)"""
    loot = []
    for child, key in children_of(model):
        name = accessor_of(key)
        if name:
            parent = model(pk=scene.target(model), workspace_id=scene.attacker.workspace_id)
            row = filled(child, scene.attacker, scene.stage.rows)
            row.pk = new_id()
            loot.append(_accepted(lambda parent=parent, name=name, row=row: getattr(parent, name).add(row, bulk=False)))
    return any(loot)


@attack(writes=True, fronts=("workspace",), rehearsed=False)
def move_own_row_to_them(scene: Scene, model: Any) -> object:
    """.update(workspace_id=<victim's>) on a row of one's own (L9)"""
    return bare(model).filter(pk=scene.own(model)).update(workspace_id=scene.victim.workspace_id)


@attack(writes=True)
def take_over(scene: Scene, model: Any) -> object:
    """.update(owner=<oneself>) on the victim's row"""
    owners = [key for key in keys_of(model) if key.related_model is Membership]
    return any(
        bare(model).filter(pk=scene.target(model)).update(**{key.attname: scene.attacker.membership_id})
        for key in owners
    )


@attack(writes=True, fronts=("member",), rehearsed=False)
def hand_own_row_to_a_colleague(scene: Scene, model: Any) -> object:
    """.update(owner=<a colleague>): planting a row in somebody's name"""
    owners = [key for key in keys_of(model) if key.related_model is Membership]
    return any(
        bare(model).filter(pk=scene.own(model)).update(**{key.attname: scene.victim.membership_id}) for key in owners
    )


@attack(writes=True)
def publish(scene: Scene, model: Any) -> object:
    """.update(visibility='workspace') on a colleague's private row"""
    if not any(column.name == "visibility" for column in model._meta.concrete_fields):
        return None
    return bare(model).filter(pk=scene.target(model)).update(visibility="workspace")


def _accepted(write: Any) -> bool:
    """Say whether the database took a write, refusing included in the savepoint, so that the next key can be tried."""
    try:
        with transaction.atomic():
            write()
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except DatabaseError as error:
        if sql_state(error) in {"42501", "23503", UNIQUE}:
            return False
        raise
    return True
