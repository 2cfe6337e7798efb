"""The knowledge base: a collection holds documents, a document is split into chunks, a chunk has one embedding for
each embedder. Vectors of all embedders stand in one table of undimensioned vectors; each embedder has a partial HNSW
index of its own length, made when it is registered (chat/services/knowledge.py). The words of all chunks stand in
chat/models/words.py."""

from datetime import date

from django.contrib.postgres.search import SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from pgvector.django import VectorField

from chat.models.fields import ChunkLexemes, RegConfigField


class CollectionQuerySet(models.QuerySet["Collection"]):
    def with_counts(self) -> "CollectionQuerySet":
        """Add `document_count`, the number of ready documents."""
        return self.annotate(
            document_count=models.Count("documents", filter=Q(documents__status=Document.Status.READY))
        )


class Collection(models.Model):
    """Documents that are searched together."""

    class Language(models.TextChoices):
        """PostgreSQL's text-search configurations that one meets most; others may be set by command."""

        ENGLISH = "english"
        GERMAN = "german"
        FRENCH = "french"
        SPANISH = "spanish"
        ITALIAN = "italian"
        PORTUGUESE = "portuguese"
        DUTCH = "dutch"
        RUSSIAN = "russian"
        SIMPLE = "simple", "any other (no stemming)"

    name = models.CharField(max_length=200, unique=True)
    description = models.CharField(max_length=500, blank=True, default="")
    language = models.CharField(
        max_length=20,
        choices=Language,
        default=Language.ENGLISH,
        help_text="Decides how words are stemmed in text search.",
    )
    chunk_tokens = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(64), MaxValueValidator(8192)],
        help_text=(
            "Size of chunks, 64 to 8192. Empty: 256, all that the local embedder reads. "
            "Documents are cut by it when they are taken in, or taken in again."
        ),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="chat_collection_language",
                condition=Q(
                    language__in=[
                        "english", "german", "french", "spanish", "italian", "portuguese", "dutch", "russian", "simple",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="chat_collection_chunk_tokens", condition=Q(chunk_tokens__gte=64, chunk_tokens__lte=8192)
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class DocumentQuerySet(models.QuerySet["Document"]):
    def ready(self) -> "DocumentQuerySet":
        """Documents that can be searched and read."""
        return self.filter(status=Document.Status.READY)


class Document(models.Model):
    """One source text, kept as Markdown whatever it came from; chunks are spans of `text`."""

    class Status(models.TextChoices):
        QUEUED = "QUEUED"
        PROCESSING = "PROCESSING"
        READY = "READY"
        DIVIDED = "DIVIDED"  # a file whose records are documents of their own
        FAILED = "FAILED"

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="documents")
    source_id = models.CharField(
        max_length=500,
        help_text="Stable id within the collection: relative path of a file, or id of a record.",
    )
    title = models.CharField(max_length=500)
    heading_path = models.CharField(
        max_length=1000, blank=True, default="", help_text="Where a record belongs, such as its section."
    )
    text = models.TextField(blank=True, default="", help_text="The whole document as Markdown.")
    media_type = models.CharField(max_length=100, blank=True, default="")
    metadata = models.JSONField(blank=True, default=dict)
    content_hash = models.CharField(max_length=64, blank=True, default="")
    upload = models.FileField(upload_to="documents/%Y/%m/", blank=True, help_text="The file as uploaded.")
    part_of = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="records",
        help_text="The uploaded file whose record it is. Empty: it is none.",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    error = models.TextField(blank=True, default="", help_text="Why it could not be taken in.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering = ["title", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "source_id"], name="chat_document_source"),
            models.CheckConstraint(
                name="chat_document_status",
                condition=Q(status__in=["QUEUED", "PROCESSING", "READY", "DIVIDED", "FAILED"]),
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.source_id  # an upload has no title before it is read

    def get_absolute_url(self) -> str:
        return reverse("chat:document", args=[self.pk])


class ChunkQuerySet(models.QuerySet["Chunk"]):
    def daily_sample(
        self, day: date, *, size: int, collection: Collection | None = None
    ) -> list[tuple[str, list[str]]]:
        """Return title and headings of up to `size` chunks that follow one another from a place that changes with the
        day.

        Two queries whose cost does not grow with the knowledge base. Empty when there are no chunks.
        """
        chunks = self.filter(collection=collection) if collection else self
        edges = chunks.aggregate(first=models.Min("pk"), last=models.Max("pk"))
        if edges["first"] is None:
            return []
        places = max(edges["last"] - edges["first"] + 2 - size, 1)
        begin = edges["first"] + day.toordinal() * 7919 % places  # a prime: neighbouring days begin far apart
        rows = chunks.filter(pk__gte=begin).order_by("pk").values_list("title", "heading_path")[:size]
        return [(title, path.split(" > ")) for title, path in rows]


class Chunk(models.Model):
    """A span of a document that is searched, cited and put into prompts: `document.text[start:end] == text`."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(help_text="0 for the first chunk of the document.")
    title = models.CharField(max_length=500)
    heading_path = models.CharField(max_length=1000, blank=True, default="")
    text = models.TextField()
    start = models.PositiveIntegerField(help_text="First character in the document's text.")
    end = models.PositiveIntegerField(help_text="One past the last character.")
    content_hash = models.CharField(max_length=64)
    language = RegConfigField(max_length=20, default="english")
    search_vector = models.GeneratedField(expression=ChunkLexemes(), output_field=SearchVectorField(), db_persist=True)

    objects = ChunkQuerySet.as_manager()

    class Meta:
        ordering = ["document", "position"]
        constraints = [
            models.UniqueConstraint(fields=["document", "position"], name="chat_chunk_position"),
            models.CheckConstraint(name="chat_chunk_span", condition=Q(end__gt=models.F("start"))),
        ]

    def __str__(self) -> str:
        return f"{self.title} #{self.position}"


class Embedder(models.Model):
    """A model that turns text into vectors: "local/all-MiniLM-L6-v2", or "provider/model" of a server that is set
    up."""

    name = models.CharField(max_length=200, unique=True)
    dimensions = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            # 4,000 is the longest half-precision vector that pgvector can index
            models.CheckConstraint(
                name="chat_embedder_dimensions", condition=Q(dimensions__gte=1, dimensions__lte=4000)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def index_name(self) -> str:
        """Name of this embedder's partial HNSW index."""
        return f"chat_embedding_hnsw_{self.pk}"


class Embedding(models.Model):
    """The vector of one chunk by one embedder, L2-normalised."""

    chunk = models.ForeignKey(Chunk, on_delete=models.CASCADE, related_name="embeddings")
    embedder = models.ForeignKey(Embedder, on_delete=models.CASCADE, related_name="embeddings")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    vector = VectorField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chunk", "embedder"], name="chat_embedding_once"),
        ]
        indexes = [
            # exact scan of a small collection, and its size
            models.Index(fields=["embedder", "collection"], name="chat_embedding_collection"),
        ]

    def __str__(self) -> str:
        return f"{self.embedder_id}:{self.chunk_id}"
