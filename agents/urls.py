"""Which path leads to which page of the agents?"""

from __future__ import annotations

from django.urls import path

from agents import views
from agents.versions import views as versions

app_name = "agents"
urlpatterns = [
    path("", views.agent_list, name="list"),
    path("new/", views.agent_create, name="create"),
    path("<str:key>/", views.agent_detail, name="detail"),
    path("<str:key>/edit/", views.agent_edit, name="edit"),
    path("<str:key>/share/", views.agent_share, name="share"),
    path("<str:key>/versions/", versions.version_list, name="version_list"),
    path("<str:key>/versions/<uuid:version_id>/", versions.version_detail, name="version_detail"),
    path("<str:key>/versions/<uuid:version_id>/restore/", versions.version_restore, name="version_restore"),
    path("<str:key>/duplicate/", views.agent_duplicate, name="duplicate"),
    path("<str:key>/archive/", views.agent_archive, name="archive"),
    path("<str:key>/restore/", views.agent_restore, name="restore"),
    path("<str:key>/delete/", views.agent_delete, name="delete"),
]
