"""Addresses of monitoring's part of the API, below /api/v1/."""

from django.urls import URLPattern

app_name = "monitoring-api"
urlpatterns: list[URLPattern] = []
