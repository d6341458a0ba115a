"""Which address shows which page of files?"""

from django.urls import path

from files import choosing, views
from files.tags import views as tags

app_name = "files"
urlpatterns = [
    path("files/", views.file_list, name="list"),
    path("files/upload/", views.file_upload, name="upload"),
    path("files/states/", views.file_states, name="states"),
    path("files/chosen/", choosing.confirm_delete, name="chosen"),
    path("files/chosen/delete/", choosing.delete, name="delete_chosen"),
    path("files/chosen/read-again/", choosing.read_again, name="read_chosen_again"),
    path("files/chosen/tags/add/", tags.add_to_chosen, name="tag_chosen"),
    path("files/chosen/tags/remove/", tags.remove_from_chosen, name="untag_chosen"),
    path("files/<uuid:file_id>/", views.file_detail, name="detail"),
    path("files/<uuid:file_id>/status/", views.file_status, name="status"),
    path("files/<uuid:file_id>/content/", views.file_content, name="content"),
    path("files/<uuid:file_id>/visibility/", views.file_visibility, name="visibility"),
    path("files/<uuid:file_id>/tags/add/", tags.add, name="tag"),
    path("files/<uuid:file_id>/tags/remove/", tags.remove, name="untag"),
    path("files/<uuid:file_id>/read-again/", views.file_read_again, name="read_again"),
    path("files/<uuid:file_id>/delete/", views.file_delete, name="delete"),
    path("files/<uuid:file_id>/passages/<uuid:passage_id>/", views.passage, name="passage"),
    path("search/", views.search, name="search"),
]
