"""A hit: a chunk that was found for a question, with its text and scores as they were."""

from django.db import models

from chat.models.knowledge import Chunk, Document
from chat.models.turn import Turn


class Hit(models.Model):
    """A retrieved chunk with its rank and scores for one question, as it was at that time."""

    # Without an index of its own: that of the unique rank begins with the turn.
    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="hits", db_index=False)
    rank = models.PositiveSmallIntegerField(help_text="1 is best; the number of its citation.")
    search_rank = models.PositiveSmallIntegerField(
        null=True, help_text="Rank by the search alone. Empty: the hits were not re-ranked."
    )
    chunk = models.ForeignKey(Chunk, on_delete=models.SET_NULL, null=True, related_name="+")
    document = models.ForeignKey(Document, on_delete=models.SET_NULL, null=True, related_name="+")
    document_title = models.CharField(max_length=500)
    heading_path = models.CharField(max_length=1000, blank=True, default="")
    text = models.TextField()
    score = models.FloatField(null=True, help_text="Empty: unknown, of an answer that another system gave.")
    text_rank = models.PositiveIntegerField(null=True, help_text="Empty: text search did not find it.")
    text_score = models.FloatField(null=True)
    vector_rank = models.PositiveIntegerField(null=True, help_text="Empty: vector search did not find it.")
    similarity = models.FloatField(null=True, help_text="Cosine, -1 to 1. Empty: not computed.")
    is_cited = models.BooleanField(default=False)

    class Meta:
        ordering = ["rank"]
        constraints = [models.UniqueConstraint(fields=["turn", "rank"], name="chat_hit_rank")]

    def __str__(self) -> str:
        return f"[{self.rank}] {self.document_title}"
