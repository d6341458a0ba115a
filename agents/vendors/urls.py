"""Which path leads to which page about model providers and the budget?"""

from __future__ import annotations

from django.urls import path

from agents.vendors import views

app_name = "models"
urlpatterns = [
    path("", views.provider_list, name="list"),
    path("new/", views.provider_new, name="new"),
    path("create/", views.provider_create, name="create"),
    path("budget/", views.budget, name="budget"),
    path("<uuid:provider_id>/", views.provider, name="provider"),
    path("<uuid:provider_id>/change/", views.provider_change, name="change"),
    path("<uuid:provider_id>/test/", views.provider_test, name="test"),
    path("<uuid:provider_id>/remove/", views.provider_remove, name="remove"),
]
