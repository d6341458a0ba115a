"""At which addresses does a member see what was used?"""

from __future__ import annotations

from django.urls import path

from conversations.usage import views

app_name = "usage"
urlpatterns = [
    path("", views.usage, name="page"),
    path("content/", views.usage_file, name="content"),
]
