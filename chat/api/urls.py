"""Addresses of chat's part of the API, below /api/v1/."""

from django.urls import URLPattern, path

from chat.api import (
    collections,
    configs,
    conversations,
    documents,
    feedback,
    me,
    models,
    search,
    tokens,
    turns,
)

app_name = "chat-api"
urlpatterns: list[URLPattern] = [
    path("tokens/", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<int:token_id>/", tokens.OneToken.as_view(), name="token"),
    path("collections/", collections.Collections.as_view(), name="collections"),
    path("collections/<int:collection_id>/", collections.OneCollection.as_view(), name="collection"),
    path("documents/", documents.Documents.as_view(), name="documents"),
    path("documents/<int:document_id>/", documents.OneDocument.as_view(), name="document"),
    path("documents/<int:document_id>/text/", documents.DocumentText.as_view(), name="document-text"),
    path("documents/<int:document_id>/retry/", documents.RetryDocument.as_view(), name="retry-document"),
    path("search/", search.Search.as_view(), name="search"),
    path("conversations/", conversations.Conversations.as_view(), name="conversations"),
    path("conversations/<uuid:conversation_id>/", conversations.OneConversation.as_view(), name="conversation"),
    path(
        "conversations/<uuid:conversation_id>/export/",
        conversations.ConversationExport.as_view(),
        name="export-conversation",
    ),
    path("turns/", turns.Turns.as_view(), name="turns"),
    path("turns/<int:turn_id>/", turns.OneTurn.as_view(), name="turn"),
    path("turns/<int:turn_id>/stream/", turns.TurnStream.as_view(), name="turn-stream"),
    path("turns/<int:turn_id>/stop/", turns.StopTurn.as_view(), name="stop-turn"),
    path("turns/<int:turn_id>/retry/", turns.RetryTurn.as_view(), name="retry-turn"),
    path("turns/<int:turn_id>/edit/", turns.EditTurn.as_view(), name="edit-turn"),
    path("turns/<int:turn_id>/feedback/", feedback.TurnFeedback.as_view(), name="turn-feedback"),
    path("turns/<int:turn_id>/signals/", feedback.TurnSignals.as_view(), name="turn-signals"),
    path("models/", models.Models.as_view(), name="models"),
    path("embedders/", models.Embedders.as_view(), name="embedders"),
    path("model-prices/", models.ModelPrices.as_view(), name="model-prices"),
    path("pipeline-configs/", configs.Configs.as_view(), name="configs"),
    path("pipeline-configs/<int:config_id>/", configs.OneConfig.as_view(), name="config"),
    path("pipeline-configs/<int:config_id>/copy/", configs.CopyConfig.as_view(), name="copy-config"),
    path("pipeline-configs/<int:config_id>/default/", configs.DefaultConfig.as_view(), name="default-config"),
    path("me/", me.Me.as_view(), name="me"),
]
