"""Configuration that produces data. A pipeline config is immutable once it has answered: a change is a new version, so
that every turn says truly how it was made."""

from decimal import Decimal

from django.apps import apps
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q

from chat.exceptions import ConfigurationError
from chat.models.knowledge import Embedder
from chat.rag.config import (
    DEFAULT_FUSION,
    ContextSize,
    Fusion,
    FusionMethod,
    Recipe,
    Reranker,
    SearchMode,
)

QUERY_COUNT_MAX = 5
RERANK_DEPTH_MIN, RERANK_DEPTH_MAX = 2, 50


def default_fusion() -> str:
    """Return how a new config fuses the legs of hybrid search: what was measured to be best."""
    return DEFAULT_FUSION.method.value


def default_text_weight() -> float:
    """Return how much words count in a new config's hybrid search."""
    return DEFAULT_FUSION.text_weight


class PipelineConfigQuerySet(models.QuerySet["PipelineConfig"]):
    def default(self) -> "PipelineConfig | None":
        """The config that answers where nothing else is chosen."""
        return self.select_related("embedder").filter(is_default=True).first()

    def own(self) -> "PipelineConfigQuerySet":
        """Those that can answer here: what another system answered with is kept for its figures alone."""
        return self.filter(import_source="")

    def with_use(self) -> "PipelineConfigQuerySet":
        """Add `is_used`: it has answered at least one turn."""
        turns = apps.get_model("chat", "Turn")._default_manager
        return self.annotate(is_used=Exists(turns.filter(config=OuterRef("pk"))))


class PipelineConfig(models.Model):
    """A named recipe: how a question is searched and answered."""

    class Mode(models.TextChoices):
        TEXT = SearchMode.TEXT.value, "Text"
        VECTOR = SearchMode.VECTOR.value, "Vector"
        HYBRID = SearchMode.HYBRID.value, "Hybrid"

    class FusionChoice(models.TextChoices):
        RRF = FusionMethod.RRF.value, "ranks (reciprocal rank fusion)"
        CONVEX = FusionMethod.CONVEX.value, "scores (words as a share of the best, and similarity)"
        SUM = FusionMethod.SUM.value, "scores (words and similarity as they are)"

    class RerankerChoice(models.TextChoices):
        NONE = Reranker.NONE.value, "none"
        LLM = Reranker.LLM.value, "language model"
        LOCAL = Reranker.LOCAL.value, "local, word by word"

    class Context(models.TextChoices):
        CHUNK = ContextSize.CHUNK.value, "the chunk"
        NEIGHBOURS = ContextSize.NEIGHBOURS.value, "the chunk and its neighbours"
        SECTION = ContextSize.SECTION.value, "the whole section"

    name = models.SlugField(max_length=60)
    version = models.PositiveIntegerField(default=1)
    description = models.CharField(max_length=300, blank=True, default="")
    search_mode = models.CharField(max_length=10, choices=Mode, default=Mode.HYBRID)
    embedder = models.ForeignKey(Embedder, on_delete=models.PROTECT, related_name="configs")
    top_k = models.PositiveSmallIntegerField(
        default=5, validators=[MinValueValidator(1), MaxValueValidator(50)], help_text="Hits put into the prompt."
    )
    fusion = models.CharField(
        max_length=10,
        choices=FusionChoice,
        default=default_fusion,
        help_text="How hybrid search makes one ranking of what words and meaning find.",
    )
    text_weight = models.FloatField(
        default=default_text_weight,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Hybrid search: how much words count, 0 to 1; meaning has the rest.",
    )
    query_count = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(QUERY_COUNT_MAX)],
        help_text="Phrasings that are searched. 1: the question alone; more: the model writes them, by one call.",
    )
    max_per_document = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(50)],
        help_text="At most so many hits of one document. 0: no limit.",
    )
    rerank = models.CharField(
        max_length=10,
        choices=RerankerChoice,
        blank=True,
        default=Reranker.NONE.value,
        help_text="Who puts the first hits into a better order: a language model by one call, or the local model.",
    )
    rerank_depth = models.PositiveSmallIntegerField(
        default=20,
        validators=[MinValueValidator(RERANK_DEPTH_MIN), MaxValueValidator(RERANK_DEPTH_MAX)],
        help_text="How many hits of the search are re-ranked.",
    )
    rerank_model = models.CharField(
        max_length=200, blank=True, default="", help_text="Language model that re-ranks. Empty: the config's model."
    )
    context = models.CharField(
        max_length=10,
        choices=Context,
        default=ContextSize.CHUNK.value,
        help_text="What the model sees of a document around each hit.",
    )
    model = models.CharField(max_length=200, help_text='"provider/model", such as offline/extractive.')
    fallback_model = models.CharField(
        max_length=200, blank=True, default="", help_text="Tried once when the model fails before its first token."
    )
    prompt = models.CharField(max_length=60, default="answer_v1", help_text="Prompt file, with its version.")
    temperature = models.FloatField(null=True, blank=True, help_text="Empty: the server's own default.")
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: the server's default.")
    min_similarity = models.FloatField(
        default=0.33,
        validators=[MinValueValidator(-1.0), MaxValueValidator(1.0)],
        help_text="If the best hit's cosine similarity is below this, the answer says that nothing was found.",
    )
    rewrite = models.BooleanField(default=True, help_text="Rewrite follow-up questions with the history.")
    is_default = models.BooleanField(default=False)
    is_offered = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Everybody may ask it by name over the OpenAI-compatible API. It changes no answer.",
    )
    fixed_at = models.DateTimeField(
        null=True, editable=False, help_text="Somebody relies on it from then on: nothing of it changes any more."
    )
    import_source = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Where its answers were imported from: it never answers here. Empty: a config of this site.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PipelineConfigQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="chat_config_version"),
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="chat_config_one_default"
            ),
            models.CheckConstraint(
                name="chat_config_search_mode", condition=Q(search_mode__in=[mode.value for mode in SearchMode])
            ),
            models.CheckConstraint(name="chat_config_top_k", condition=Q(top_k__gte=1, top_k__lte=50)),
            models.CheckConstraint(
                name="chat_config_fusion", condition=Q(fusion__in=[method.value for method in FusionMethod])
            ),
            models.CheckConstraint(
                name="chat_config_text_weight", condition=Q(text_weight__gte=0.0, text_weight__lte=1.0)
            ),
            models.CheckConstraint(
                name="chat_config_query_count", condition=Q(query_count__gte=1, query_count__lte=QUERY_COUNT_MAX)
            ),
            models.CheckConstraint(
                name="chat_config_rerank", condition=Q(rerank__in=[reranker.value for reranker in Reranker])
            ),
            models.CheckConstraint(
                name="chat_config_rerank_depth",
                condition=Q(rerank_depth__gte=RERANK_DEPTH_MIN, rerank_depth__lte=RERANK_DEPTH_MAX),
            ),
            models.CheckConstraint(
                name="chat_config_context", condition=Q(context__in=[size.value for size in ContextSize])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    def recipe(self) -> Recipe:
        """Return what the pipeline needs of this row; reads `embedder`. Raises ConfigurationError for how another
        system answered, of which most is not known."""
        if self.import_source:
            raise ConfigurationError(f"{self} is how {self.import_source} answered: it cannot answer here.")
        return Recipe(
            search_mode=SearchMode(self.search_mode),
            embedder=self.embedder.name,
            top_k=self.top_k,
            model=self.model,
            prompt=self.prompt,
            fallback_model=self.fallback_model,
            temperature=self.temperature,
            max_output_tokens=self.max_output_tokens,
            min_similarity=self.min_similarity,
            rewrite=self.rewrite,
            fusion=Fusion(method=FusionMethod(self.fusion), text_weight=self.text_weight),
            query_count=self.query_count,
            max_per_document=self.max_per_document,
            rerank=Reranker(self.rerank),
            rerank_depth=self.rerank_depth,
            rerank_model=self.rerank_model,
            context=ContextSize(self.context),
        )


class ModelPrice(models.Model):
    """What a model costs here, in place of the published price: for servers of one's own, or agreed prices. Copied
    into each call, so that a new price never changes old totals."""

    model = models.CharField(max_length=200, help_text='"provider/model"')
    input_usd_per_million = models.DecimalField(
        max_digits=12, decimal_places=6, validators=[MinValueValidator(Decimal(0))]
    )
    output_usd_per_million = models.DecimalField(
        max_digits=12, decimal_places=6, validators=[MinValueValidator(Decimal(0))]
    )
    cached_input_usd_per_million = models.DecimalField(
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="Empty: as input.",
    )
    valid_from = models.DateTimeField()

    class Meta:
        ordering = ["model", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["model", "valid_from"], name="chat_modelprice_once"),
            models.CheckConstraint(
                name="chat_modelprice_positive",
                condition=Q(input_usd_per_million__gte=0, output_usd_per_million__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} from {self.valid_from:%Y-%m-%d}"


class Heartbeat(models.Model):
    """When a background process was last seen alive."""

    name = models.CharField(max_length=50, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
