"""At which addresses does a workspace read its own trail?"""

from django.urls import path

from audit import views
from audit.checks import views as checks
from audit.exports import views as exports
from audit.filters import views as filters
from audit.notices import views as notices
from audit.retention import views as retention

app_name = "audit"

urlpatterns = [
    path("trail/", views.trail, name="trail"),
    path("trail/notifications/", notices.channel_list, name="notifications"),
    path("trail/notifications/new/", notices.channel_new, name="channel_new"),
    path("trail/notifications/create/", notices.channel_create, name="channel_create"),
    path("trail/notifications/<uuid:channel_id>/", notices.channel, name="channel"),
    path("trail/notifications/<uuid:channel_id>/pause/", notices.channel_pause, name="channel_pause"),
    path("trail/notifications/<uuid:channel_id>/resume/", notices.channel_resume, name="channel_resume"),
    path("trail/notifications/<uuid:channel_id>/remove/", notices.channel_remove, name="channel_remove"),
    path("trail/notifications/<uuid:channel_id>/test/", notices.channel_test, name="channel_test"),
    path("trail/exports/", exports.export_list, name="exports"),
    path("trail/exports/begin/", exports.export_begin, name="export"),
    path("trail/exports/<uuid:export_id>/", exports.export_row, name="export_row"),
    path("trail/exports/<uuid:export_id>/content/", exports.export_content, name="export_content"),
    path("trail/kept/", retention.retention, name="retention"),
    path("trail/kept/choose/", retention.choose, name="retention_choose"),
    path("trail/check/", checks.check, name="check"),
    path("trail/check/begin/", checks.begin, name="check_begin"),
    path("trail/check/state/", checks.state, name="check_state"),
    path("trail/filters/save/", filters.save, name="filter_save"),
    path("trail/filters/<uuid:filter_id>/remove/", filters.remove, name="filter_remove"),
    path("trail/<uuid:entry_id>/", views.entry, name="entry"),
]
