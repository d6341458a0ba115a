"""At which addresses does a workspace read its own trail?"""

from django.urls import path

from audit import views
from audit.exports import views as exports

app_name = "audit"

urlpatterns = [
    path("trail/", views.trail, name="trail"),
    path("trail/exports/", exports.export_list, name="exports"),
    path("trail/exports/begin/", exports.export_begin, name="export"),
    path("trail/exports/<uuid:export_id>/", exports.export_row, name="export_row"),
    path("trail/exports/<uuid:export_id>/content/", exports.export_content, name="export_content"),
    path("trail/<uuid:entry_id>/", views.entry, name="entry"),
]
