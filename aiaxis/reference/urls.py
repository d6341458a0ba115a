"""At which address does it stand how the API is used?"""

from django.urls import path

from aiaxis.reference import pages

app_name = "reference"

urlpatterns = [path("docs/api/", pages.reference, name="api")]
