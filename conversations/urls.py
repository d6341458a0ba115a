"""Which path leads to which page of the conversations?"""

from __future__ import annotations

from django.urls import path

from conversations import views
from conversations.archiving import views as archiving
from conversations.attachments import views as attachments
from conversations.calling import views as calling
from conversations.exporting import views as exporting
from conversations.feedback import views as feedback
from conversations.searching import views as searching
from conversations.sharing import views as sharing
from conversations.trying import views as trying

app_name = "conversations"
urlpatterns = [
    path("", views.conversation_list, name="list"),
    path("new/", views.conversation_new, name="new"),
    path("search/", searching.search, name="search"),
    path("shared/", sharing.shared, name="shared"),
    path("feedback/<str:key>/", feedback.agent_feedback, name="agent_feedback"),
    path("start/", views.conversation_start, name="start"),
    path("try/", trying.trial_begin, name="try"),
    path("try/<uuid:trial_id>/", trying.trial, name="trial"),
    path("try/<uuid:trial_id>/answer/", trying.trial_answer, name="trial_answer"),
    path("try/<uuid:trial_id>/stream/", trying.trial_stream, name="trial_stream"),
    path("try/<uuid:trial_id>/stop/", trying.trial_stop, name="trial_stop"),
    path("try/<uuid:trial_id>/end/", trying.trial_end, name="trial_end"),
    path("<uuid:conversation_id>/", views.conversation_detail, name="detail"),
    path("<uuid:conversation_id>/ask/", views.conversation_ask, name="ask"),
    path("<uuid:conversation_id>/stream/", views.conversation_stream, name="stream"),
    path("<uuid:conversation_id>/rename/", views.conversation_rename, name="rename"),
    path("<uuid:conversation_id>/share/", sharing.share, name="share"),
    path("<uuid:conversation_id>/archive/", archiving.archive, name="archive"),
    path("<uuid:conversation_id>/restore/", archiving.restore, name="restore"),
    path("<uuid:conversation_id>/export/", exporting.export, name="export"),
    path("<uuid:conversation_id>/files/", attachments.files, name="files"),
    path("<uuid:conversation_id>/files/attached/", attachments.attached, name="attached"),
    path("<uuid:conversation_id>/files/attach/", attachments.attach, name="attach"),
    path("<uuid:conversation_id>/files/upload/", attachments.upload, name="upload"),
    path("<uuid:conversation_id>/files/<uuid:file_id>/detach/", attachments.detach, name="detach"),
    path("<uuid:conversation_id>/delete/", views.conversation_delete, name="delete"),
    path("<uuid:conversation_id>/calls/<uuid:call_id>/confirm/", calling.confirm, name="confirm"),
    path("<uuid:conversation_id>/calls/<uuid:call_id>/decline/", calling.decline, name="decline"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/", views.message_turn, name="turn"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/feedback/", feedback.feedback, name="feedback"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/rate/", feedback.rate, name="rate"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/withdraw/", feedback.withdraw, name="withdraw"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/stop/", views.message_stop, name="stop"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/edit/", views.message_edit, name="edit"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/choose/", views.message_choose, name="choose"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/retry/", views.message_retry, name="retry"),
]
