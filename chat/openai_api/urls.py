"""Addresses of OpenAI's protocol, below /v1/. None ends in a slash, as its clients expect."""

from django.urls import URLPattern, path, re_path

from chat.openai_api import chat_completions, embeddings, model_list
from chat.openai_api.errors import no_such_address

app_name = "openai-api"
urlpatterns: list[URLPattern] = [
    path("models", model_list.Models.as_view(), name="models"),
    path("models/<path:model_id>", model_list.OneModel.as_view(), name="model"),
    path("chat/completions", chat_completions.ChatCompletions.as_view(), name="chat-completions"),
    path("embeddings", embeddings.Embeddings.as_view(), name="embeddings"),
    re_path(r"", no_such_address),
]
