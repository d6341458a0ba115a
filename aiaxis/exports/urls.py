"""At which addresses does an owner take the workspace home?"""

from __future__ import annotations

from django.urls import path

from aiaxis.exports import views

app_name = "export"
urlpatterns = [
    path("", views.export_page, name="page"),
    path("begin/", views.export_begin, name="begin"),
    path("<uuid:workspace_export_id>/", views.export_state, name="state"),
    path("<uuid:workspace_export_id>/content/", views.export_content, name="content"),
]
