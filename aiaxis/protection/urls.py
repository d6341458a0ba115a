"""At which addresses does it stand how data is protected?"""

from django.urls import path

from aiaxis.protection import pages

app_name = "protection"

urlpatterns = [
    path("protection/", pages.protection, name="page"),
    path("protection/report/", pages.report, name="report"),
    path("trust/", pages.trust, name="trust"),
]
