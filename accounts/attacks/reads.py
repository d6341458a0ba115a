"""Reading through the ORM: every form in which Django asks a question, with an id that is not the attacker's."""

from __future__ import annotations

import pickle
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.core import serializers
from django.db.models import Count, Exists, F, Max, OuterRef, Prefetch, TextField, prefetch_related_objects
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast
from django.shortcuts import get_list_or_404, get_object_or_404

from accounts.attacks.matrix import Scene, accessor_of, attack, bare, children_of, keys_between, table_of, text_column
from accounts.tenancy.context import workspace


@attack()
def get(scene: Scene, model: Any) -> object:
    """Model.objects.get(pk=…)"""
    return scene.loot(model.objects.get(pk=scene.target(model)).pk)


@attack()
def filter_(scene: Scene, model: Any) -> object:
    """Model.objects.filter(pk=…)"""
    return list(model.objects.filter(pk=scene.target(model)))


@attack()
def filter_by_foreign_workspace(scene: Scene, model: Any) -> object:
    """Model.objects.filter(workspace_id=<the victim's>, pk=…)"""
    return list(model.objects.filter(workspace_id=scene.victim.workspace_id, pk=scene.target(model)))


@attack()
def all_(scene: Scene, model: Any) -> object:
    """Model.objects.all()"""
    return scene.loot([row.pk for row in model.objects.all()])


@attack()
def exists(scene: Scene, model: Any) -> object:
    """Model.objects.filter(pk=…).exists()"""
    return model.objects.filter(pk=scene.target(model)).exists()


@attack()
def count(scene: Scene, model: Any) -> object:
    """Model.objects.filter(pk=…).count()"""
    return model.objects.filter(pk=scene.target(model)).count()


@attack()
def contains(scene: Scene, model: Any) -> object:
    """Model.objects.all().contains(…)"""
    return model.objects.all().contains(model(pk=scene.target(model)))


@attack()
def exclude(scene: Scene, model: Any) -> object:
    """Model.objects.exclude(pk=<nothing>)"""
    return scene.loot([row.pk for row in model.objects.exclude(pk=scene.stage.mallory.user_id)])


@attack()
def in_bulk(scene: Scene, model: Any) -> object:
    """Model.objects.in_bulk([…])"""
    return model.objects.in_bulk([scene.target(model)])


@attack()
def iterator(scene: Scene, model: Any) -> object:
    """Model.objects.iterator(): a server-side cursor, if there were one"""
    return scene.loot([row.pk for row in model.objects.iterator(chunk_size=2)])


@attack()
def values(scene: Scene, model: Any) -> object:
    """Model.objects.values()"""
    return scene.loot(list(model.objects.values()))


@attack()
def values_list(scene: Scene, model: Any) -> object:
    """Model.objects.values_list('pk')"""
    return scene.loot(list(model.objects.values_list("pk", flat=True)))


@attack()
def only(scene: Scene, model: Any) -> object:
    """Model.objects.only('pk')"""
    return scene.loot([row.pk for row in model.objects.only("pk")])


@attack()
def first_and_last(scene: Scene, model: Any) -> object:
    """.first(), .last(), .latest() over the victim's row"""
    rows = model.objects.filter(pk=scene.target(model))
    return rows.first() or rows.last() or rows.latest("pk")


@attack()
def aggregate(scene: Scene, model: Any) -> object:
    """.aggregate(Count, Max)"""
    found = model.objects.filter(pk=scene.target(model)).aggregate(n=Count("pk"), most=Max(Cast("pk", TextField())))
    return found["n"] or found["most"]


@attack()
def annotate(scene: Scene, model: Any) -> object:
    """.annotate(F).values_list()"""
    return scene.loot(list(model.objects.annotate(copy=F("pk")).values_list("copy", flat=True)))


@attack()
def subquery(scene: Scene, model: Any) -> object:
    """.filter(pk__in=<subquery>)"""
    inner = model.objects.filter(pk=scene.target(model)).values("pk")
    return list(model.objects.filter(pk__in=inner))


@attack()
def exists_subquery(scene: Scene, model: Any) -> object:
    """.filter(Exists(OuterRef)) on the base manager"""
    inner = model._base_manager.filter(pk=OuterRef("pk"))
    return scene.loot([row.pk for row in bare(model).filter(Exists(inner))])


@attack()
def union(scene: Scene, model: Any) -> object:
    """.union()"""
    rows = model.objects.filter(pk=scene.target(model)).order_by()
    return list(rows.union(rows, all=True))


@attack()
def select_for_update(scene: Scene, model: Any) -> object:
    """.select_for_update(): a lock on the victim's row"""
    return list(model.objects.select_for_update().filter(pk=scene.target(model)))


@attack()
def base_manager(scene: Scene, model: Any) -> object:
    """Model._base_manager, which Django itself uses behind relations"""
    return list(model._base_manager.filter(pk=scene.target(model)))


@attack()
def bare_queryset(scene: Scene, model: Any) -> object:
    """QuerySet(Model), which knows no manager"""
    return scene.loot([row.pk for row in bare(model)])


@attack()
def bare_queryset_on_alias(scene: Scene, model: Any) -> object:
    """QuerySet(Model).using('default')"""
    return list(bare(model).using("default").filter(pk=scene.target(model)))


@attack()
def raw(scene: Scene, model: Any) -> object:
    """Model.objects.raw()"""
    return scene.loot([row.pk for row in model.objects.raw(f"SELECT * FROM {table_of(model)}")])


@attack()
def extra(scene: Scene, model: Any) -> object:
    """.extra(where=['true OR true'])"""
    found = bare(model).extra(where=["true OR true"])
    return scene.loot([row.pk for row in found])


@attack()
def raw_expression(scene: Scene, model: Any) -> object:
    """.annotate(RawSQL): a scalar subquery over the whole table"""
    query = f"SELECT string_agg(t::text, ' ') FROM {table_of(model)} t"
    found = bare(model).annotate(loot=RawSQL(query, []))  # noqa: S611 - it is an attack
    return scene.loot(list(found.values_list("loot", flat=True)))


@attack()
def refresh_from_db(scene: Scene, model: Any) -> object:
    """An instance made in memory, then refreshed"""
    row: Any = model(pk=scene.target(model), workspace_id=scene.victim.workspace_id)
    row.refresh_from_db()
    return scene.loot(vars(row)) or row.pk


@attack()
def form_choice(scene: Scene, model: Any) -> object:
    """A form's ModelChoiceField, posted with the victim's id (L1)"""
    field = forms.ModelChoiceField(queryset=model.objects.all())
    return field.clean(str(scene.target(model)))


@attack()
def form_of_many(scene: Scene, model: Any) -> object:
    """A form's ModelMultipleChoiceField, posted with the victim's id (L6)"""
    field = forms.ModelMultipleChoiceField(queryset=model._default_manager.all())
    return list(field.clean([str(scene.target(model))]))


@attack()
def shortcut_object(scene: Scene, model: Any) -> object:
    """get_object_or_404(Model, pk=…)"""
    return get_object_or_404(model, pk=scene.target(model))


@attack()
def shortcut_list(scene: Scene, model: Any) -> object:
    """get_list_or_404(Model, pk=…)"""
    return get_list_or_404(model, pk=scene.target(model))


@attack()
def queryset_of_the_victim(scene: Scene, model: Any) -> object:
    """A queryset that was written while the victim was bound, and runs now (L39)"""
    with workspace(scene.victim.workspace_id, scene.victim.membership_id):
        rows = model.objects.filter(pk=scene.target(model))
    return list(rows)


@attack()
def pickled_query(scene: Scene, model: Any) -> object:
    """A pickled query, unpickled and run"""
    rows = model.objects.filter(pk=scene.target(model))
    copy = model.objects.all()
    copy.query = pickle.loads(pickle.dumps(rows.query))  # noqa: S301 - our own bytes, a moment old
    return list(copy)


@attack()
def asynchronous_get(scene: Scene, model: Any) -> object:
    """Await Model.objects.aget()"""

    async def read() -> Any:
        return await model.objects.aget(pk=scene.target(model))

    return async_to_sync(read)()


@attack()
def asynchronous_iteration(scene: Scene, model: Any) -> object:
    """Async for row in Model.objects"""

    async def read() -> list[Any]:
        return [row.pk async for row in model.objects.all()]

    return scene.loot(async_to_sync(read)())


@attack()
def serializer(scene: Scene, model: Any) -> object:
    """Dumpdata's serializer over the base manager"""
    return scene.loot(serializers.serialize("json", model._base_manager.all()))


@attack()
def forward_relation(scene: Scene, model: Any) -> object:
    """child.parent, where the child was made in memory with the victim's id"""
    return [
        getattr(child(**{key.attname: scene.target(model), "workspace_id": scene.attacker.workspace_id}), key.name)
        for child, key in children_of(model)
    ]


@attack()
def forward_relation_with_foreign_workspace(scene: Scene, model: Any) -> object:
    """The same, with the victim's workspace on the child"""
    return [
        getattr(child(**{key.attname: scene.target(model), "workspace_id": scene.victim.workspace_id}), key.name)
        for child, key in children_of(model)
    ]


@attack()
def reverse_relation(scene: Scene, model: Any) -> object:
    """parent.children.all(), where the parent was made in memory with the victim's id"""
    loot = []
    for _, key in children_of(model):
        name = accessor_of(key)
        if name:
            parent = model(pk=scene.target(model), workspace_id=scene.victim.workspace_id)
            loot += list(getattr(parent, name).all())
    return loot


@attack()
def prefetch(scene: Scene, model: Any) -> object:
    """prefetch_related_objects on instances made in memory"""
    loot: list[object] = []
    for key in keys_between(scene, model):
        row = model(**{key.attname: scene.target(key.related_model), "workspace_id": scene.victim.workspace_id})
        prefetch_related_objects([row], Prefetch(key.name, queryset=bare(key.related_model)))
        loot.append(row._state.fields_cache.get(key.name))
    return [found for found in loot if found]


@attack()
def select_related(scene: Scene, model: Any) -> object:
    """.select_related() over every key"""
    names = [key.name for key in keys_between(scene, model)]
    rows = bare(model).select_related(*names) if names else bare(model)
    return scene.loot([vars(getattr(row, name) or row) for row in rows for name in names] or [row.pk for row in rows])


@attack()
def filter_across_relation(scene: Scene, model: Any) -> object:
    """.filter(parent__pk=…), .values('parent__…')"""
    rows = [
        list(bare(model).filter(**{f"{key.name}__pk": scene.target(key.related_model)}))
        for key in keys_between(scene, model)
    ]
    seen = [list(bare(model).values_list(f"{key.name}__pk", flat=True)) for key in keys_between(scene, model)]
    return any(rows) or scene.loot(seen)


@attack()
def text_search(scene: Scene, model: Any) -> object:
    """.filter(text__icontains=<words that only the victim wrote>)"""
    column = text_column(model)
    return column and list(bare(model).filter(**{f"{column}__icontains": scene.victim.mark}))


@attack()
def text_prefix(scene: Scene, model: Any) -> object:
    """.filter(text__startswith=…), .filter(text__iregex=…)"""
    column = text_column(model)
    if not column:
        return None
    starts = list(bare(model).filter(**{f"{column}__startswith": scene.victim.mark}))
    return starts or list(bare(model).filter(**{f"{column}__iregex": scene.victim.mark}))
