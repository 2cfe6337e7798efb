"""Addresses of chat's part of the API, below /api/v1/."""

from django.urls import URLPattern, path

from chat.api import collections, tokens

app_name = "chat-api"
urlpatterns: list[URLPattern] = [
    path("tokens/", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<int:token_id>/", tokens.OneToken.as_view(), name="token"),
    path("collections/", collections.Collections.as_view(), name="collections"),
    path("collections/<int:collection_id>/", collections.OneCollection.as_view(), name="collection"),
]
