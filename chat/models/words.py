"""Which words stand where: what BM25 counts, by collection.

Triggers on the chunk's table keep these three tables (migration 0003_bm25), in the transaction that writes the chunks,
so that no way of adding or deleting chunks goes around them. Nothing else writes here, which is why no foreign key is
checked or followed: a chunk's postings go by its trigger. The triggers of one collection wait for one another at its
row of totals, so that two ingests at once neither lose a count nor lock each other out.
"""

from django.db import models

from chat.models.knowledge import Chunk, Collection


class CollectionTotals(models.Model):
    """How many chunks a collection has, and how many words in their titles, headings and texts."""

    collection = models.OneToOneField(
        Collection, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, primary_key=True
    )
    chunk_count = models.PositiveBigIntegerField()
    title_length = models.PositiveBigIntegerField()
    heading_length = models.PositiveBigIntegerField()
    body_length = models.PositiveBigIntegerField()

    class Meta:
        verbose_name_plural = "collection totals"

    def __str__(self) -> str:
        return f"{self.collection_id}: {self.chunk_count}"


class Term(models.Model):
    """A word of a collection, as its language stems it (a lexeme), that stands in at least one chunk."""

    collection = models.ForeignKey(
        Collection, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    lexeme = models.TextField()
    chunk_count = models.PositiveIntegerField(help_text="How many chunks have it: its document frequency.")

    class Meta:
        constraints = [
            # a question's words in one collection or in all
            models.UniqueConstraint(fields=["lexeme", "collection"], name="chat_term_once"),
        ]

    def __str__(self) -> str:
        return self.lexeme


class Posting(models.Model):
    """How often a term stands in the fields of one chunk, and how many words these fields have.

    The primary key holds all columns, so that reading a term's postings touches nothing but its index.
    """

    pk = models.CompositePrimaryKey("term_id", "chunk_id")
    term = models.ForeignKey(Term, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    chunk = models.ForeignKey(Chunk, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    title_count = models.PositiveSmallIntegerField()
    heading_count = models.PositiveSmallIntegerField()
    body_count = models.PositiveSmallIntegerField()
    title_length = models.PositiveSmallIntegerField()
    heading_length = models.PositiveSmallIntegerField()
    body_length = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.term_id} in {self.chunk_id}"
