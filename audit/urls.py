"""At which addresses does a workspace read its own trail?"""

from django.urls import path

from audit import views

app_name = "audit"

urlpatterns = [
    path("trail/", views.trail, name="trail"),
    path("trail/<uuid:entry_id>/", views.entry, name="entry"),
]
