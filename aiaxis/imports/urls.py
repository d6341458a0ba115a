"""At which addresses does an owner bring another installation's export in?"""

from __future__ import annotations

from django.urls import path

from aiaxis.imports import views

app_name = "import"
urlpatterns = [
    path("", views.import_page, name="page"),
    path("begin/", views.import_begin, name="begin"),
    path("<uuid:workspace_import_id>/", views.import_state, name="state"),
    path("<uuid:workspace_import_id>/content/", views.import_content, name="content"),
]
