"""Runbooks and the handbook, below the admin's address: for staff."""

from django.contrib import admin
from django.urls import path

from monitoring.admin import runbooks

view = admin.site.admin_view
app_name = "runbooks"
urlpatterns = [
    path("runbooks/", view(runbooks.runbooks_view), name="list"),
    path("runbooks/<slug:name>/", view(runbooks.page_view), {"section": runbooks.RUNBOOKS}, name=runbooks.RUNBOOKS),
    path("handbook/<slug:name>/", view(runbooks.page_view), {"section": runbooks.HANDBOOK}, name=runbooks.HANDBOOK),
]
