"""Addresses of the REST API: what chat and monitoring offer, the OpenAPI file, and its pages."""

from django.contrib.auth.decorators import login_required
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularSwaggerSplitView

from chat.api.problems import no_such_address
from ragsite.api_schema import OpenApiFile

docs = SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="api/docs.html", throttle_classes=[])

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include("chat.api.urls")),
    path("v1/", include("monitoring.api.urls")),
    path("schema/", OpenApiFile.as_view(), name="api-schema"),
    path("schema/v1/", OpenApiFile.as_view(of_openai=True), name="openai-schema"),
    path("docs/", login_required(docs), name="api-docs"),
    # In place of a page for people; exempt, so that a form without its token is told the same.
    re_path(r"", csrf_exempt(no_such_address)),
]
