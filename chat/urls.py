"""Pages of the chat."""

from django.urls import URLPattern, path

from chat.views import conversations, documents, feedback, lab, stream, tokens, turns

app_name = "chat"
urlpatterns: list[URLPattern] = [
    path("", conversations.home, name="home"),
    path("conversations/", conversations.conversations, name="conversations"),
    path("c/", conversations.create_conversation, name="create-conversation"),
    path("c/<uuid:conversation_id>/", conversations.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/turns/", turns.create_turn, name="create-turn"),
    path("c/<uuid:conversation_id>/turns/newer/", turns.newer_turns, name="newer-turns"),
    path("c/<uuid:conversation_id>/rename/", conversations.rename_conversation, name="rename-conversation"),
    path("c/<uuid:conversation_id>/delete/", conversations.delete_conversation, name="delete-conversation"),
    path("c/<uuid:conversation_id>/export/", conversations.export_conversation, name="export-conversation"),
    path("c/<uuid:conversation_id>/choices/", conversations.conversation_choices, name="conversation-choices"),
    path("turns/<int:turn_id>/", turns.turn, name="turn"),
    path("turns/<int:turn_id>/stream/", stream.turn_stream, name="turn-stream"),
    path("turns/<int:turn_id>/stop/", turns.stop_turn, name="stop-turn"),
    path("turns/<int:turn_id>/regenerate/", turns.regenerate_turn, name="regenerate-turn"),
    path("turns/<int:turn_id>/edit/", turns.edit_turn, name="edit-turn"),
    path("turns/<int:turn_id>/feedback/", feedback.turn_feedback, name="turn-feedback"),
    path("turns/<int:turn_id>/signal/", feedback.turn_signal, name="turn-signal"),
    path("documents/<int:document_id>/", documents.document, name="document"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/<int:token_id>/revoke/", tokens.revoke, name="revoke-token"),
    path("lab/", lab.search_lab, name="search-lab"),
]
