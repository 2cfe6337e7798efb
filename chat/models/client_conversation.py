"""How a conversation of a program is found again that keeps its transcript itself and sends it with each question."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from chat.models.conversation import Conversation


class ClientConversation(models.Model):
    """What a client says that a conversation is: an id of its own, or the transcript, of which digests are kept. It
    goes with the texts when the conversation is deleted."""

    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, primary_key=True, related_name="client")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    client_id = models.CharField(max_length=200, blank=True, default="", help_text="As the client named it.")
    before_sha256 = models.CharField(max_length=64, help_text="Of what was said before the last question.")
    after_sha256 = models.CharField(
        max_length=64, blank=True, default="", help_text="Of that with question and answer. Empty: no answer yet."
    )
    asked_at = models.DateTimeField(help_text="The last question.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "client_id"], condition=~Q(client_id=""), name="chat_clientconversation_id"
            ),
        ]
        indexes = [
            # the conversation that goes on
            models.Index(
                fields=["user", "after_sha256", "-asked_at"],
                condition=~Q(after_sha256=""),
                name="chat_clientconversation_after",
            ),
            # the one whose last question is asked again
            models.Index(fields=["user", "before_sha256", "-asked_at"], name="chat_clientconversation_before"),
        ]

    def __str__(self) -> str:
        return self.client_id or str(self.conversation_id)
