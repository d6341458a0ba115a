"""Which path leads to which page about servers of tools?"""

from __future__ import annotations

from django.urls import path

from agents.tools import views

app_name = "tools"
urlpatterns = [
    path("", views.server_list, name="list"),
    path("new/", views.server_new, name="new"),
    path("create/", views.server_create, name="create"),
    path("<uuid:server_id>/", views.server, name="server"),
    path("<uuid:server_id>/change/", views.server_change, name="change"),
    path("<uuid:server_id>/look/", views.server_look, name="look"),
    path("<uuid:server_id>/on/", views.server_on, name="on"),
    path("<uuid:server_id>/off/", views.server_off, name="off"),
    path("<uuid:server_id>/remove/", views.server_remove, name="remove"),
    path("<uuid:server_id>/tools/<uuid:tool_id>/", views.tool_decide, name="decide"),
]
