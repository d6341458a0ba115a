"""At which addresses does a workspace say what it keeps?"""

from __future__ import annotations

from django.urls import path

from conversations.keeping import views

app_name = "kept"
urlpatterns = [
    path("", views.keeping, name="page"),
    path("choose/", views.choose, name="choose"),
]
