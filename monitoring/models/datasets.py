"""Questions with what is known of their answers: the golden sets that configs are evaluated on.

An item never changes. A dataset's version N holds the items that were added in N or before and not removed by then, so
that each change is a version, no item is stored twice, and a run on an old version can be repeated.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.urls import reverse

from chat.models import Collection, Document, Turn


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def with_latest(self) -> "DatasetQuerySet":
        """Add `latest`, the number of the newest version, and `item_count`, how many items that one has."""
        items = DatasetItem.objects.filter(dataset=models.OuterRef("pk"), removed_in__isnull=True)
        counted = items.order_by().values("dataset").annotate(number=models.Count("pk")).values("number")
        return self.annotate(
            latest=models.Max("versions__number"),
            item_count=Coalesce(models.Subquery(counted, output_field=models.IntegerField()), models.Value(0)),
        )


class Dataset(models.Model):
    """A named set of questions; its items are in its versions."""

    name = models.SlugField(max_length=60, unique=True)
    description = models.CharField(max_length=300, blank=True, default="")
    salt = models.CharField(
        max_length=60,
        editable=False,
        default="",
        help_text="Its first name: decides with a document's id into which split that falls, on any machine.",
    )
    dev_ratio = models.FloatField(default=0.3, help_text="Share of the documents whose questions go to dev, 0 to 1.")
    test_ratio = models.FloatField(default=0.5, help_text="The same for test; the rest goes to calibration.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            # a billionth more, because 0.9 and 0.1 need not add up to 1
            models.CheckConstraint(
                name="monitoring_dataset_ratios",
                condition=Q(dev_ratio__gte=0, test_ratio__gte=0, dev_ratio__lte=1 + 1e-9 - F("test_ratio")),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("admin:monitoring_dataset_change", args=[self.pk])


class DatasetVersion(models.Model):
    """One change of a dataset: what it was and who made it. The first version is 1."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    note = models.CharField(max_length=300, blank=True, default="", help_text="What changed.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["dataset", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="monitoring_version_number"),
            models.CheckConstraint(name="monitoring_version_positive", condition=Q(number__gte=1)),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class DatasetItemQuerySet(models.QuerySet["DatasetItem"]):
    def in_version(self, number: int) -> "DatasetItemQuerySet":
        """The items that version `number` of their dataset has."""
        return self.filter(Q(removed_in__isnull=True) | Q(removed_in__gt=number), added_in__lte=number)

    def current(self) -> "DatasetItemQuerySet":
        """The items of the newest version."""
        return self.filter(removed_in__isnull=True)

    def with_relevant(self) -> "DatasetItemQuerySet":
        """With collection and relevant documents, in the order of their ids."""
        return self.select_related("collection").prefetch_related("relevant").order_by("pk")


class DatasetItem(models.Model):
    """One question, with the answer it should get and where that stands, as far as they are known."""

    class Split(models.TextChoices):
        DEV = "DEV", "dev"  # to choose by
        TEST = "TEST", "test"  # to report on, and not to look at before
        CALIBRATION = "CALIBRATION", "calibration"  # to measure judges with

    class Source(models.TextChoices):
        IMPORTED = "IMPORTED", "imported"
        MODEL = "MODEL", "written by a model"
        TEMPLATE = "TEMPLATE", "made by a template"
        REVIEW = "REVIEW", "from a review"
        MANUAL = "MANUAL", "written here"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="items")
    added_in = models.PositiveIntegerField(help_text="The version that has it first.")
    removed_in = models.PositiveIntegerField(null=True, help_text="The first version without it. Empty: none.")
    split = models.CharField(max_length=12, choices=Split)
    question = models.TextField()
    expected_answer = models.TextField(blank=True, default="", help_text="Empty: not known.")
    is_answerable = models.BooleanField(
        default=True, help_text="False: on purpose nothing in the knowledge base answers it; the right answer says so."
    )
    history = models.JSONField(
        default=list, blank=True, help_text='Earlier exchanges, oldest first: [{"question": "", "answer": ""}].'
    )
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    collection = models.ForeignKey(
        Collection,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Where it is searched. Empty: in all collections.",
    )
    cluster = models.CharField(
        max_length=720,
        help_text="What its answer depends on, usually its document: items of one cluster are in one split, and an"
        " interval treats them as one observation.",
    )
    source = models.CharField(max_length=10, choices=Source)
    source_turn = models.ForeignKey(
        Turn, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", help_text="The turn it was made from."
    )
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of collection, history, question and documents.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetItemQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "content_hash"], condition=Q(removed_in__isnull=True), name="monitoring_item_once"
            ),
            models.CheckConstraint(name="monitoring_item_split", condition=Q(split__in=["DEV", "TEST", "CALIBRATION"])),
            models.CheckConstraint(
                name="monitoring_item_source",
                condition=Q(source__in=["IMPORTED", "MODEL", "TEMPLATE", "REVIEW", "MANUAL"]),
            ),
            models.CheckConstraint(
                name="monitoring_item_versions",
                condition=Q(removed_in__isnull=True) | Q(removed_in__gt=F("added_in")),
            ),
        ]
        indexes = [
            # the items of a split, for a run
            models.Index(fields=["dataset", "split"], name="monitoring_item_split_idx"),
        ]

    def __str__(self) -> str:
        return self.question[:80]


class RelevantDocument(models.Model):
    """A document, or a span of it, that answers an item's question. Spans are places in the document's text, not
    chunks, so that they hold when the document is cut anew."""

    item = models.ForeignKey(DatasetItem, on_delete=models.CASCADE, related_name="relevant")
    document = models.ForeignKey(
        Document,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="Empty: the document is gone; a question whose documents are all gone is not scored.",
    )
    source_id = models.CharField(max_length=500, help_text="The document's stable id, as given at ingest.")
    relevance = models.PositiveSmallIntegerField(default=1, help_text="A grade, 1 or more; larger is better.")
    start = models.PositiveIntegerField(null=True, help_text="First character of the span. Empty: the whole document.")
    end = models.PositiveIntegerField(null=True, help_text="One past the last character.")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "source_id", "start"], nulls_distinct=False, name="monitoring_relevant_once"
            ),
            models.CheckConstraint(name="monitoring_relevant_grade", condition=Q(relevance__gte=1)),
            models.CheckConstraint(
                name="monitoring_relevant_span",
                condition=Q(start__isnull=True, end__isnull=True) | Q(start__isnull=False, end__gt=F("start")),
            ),
        ]

    def __str__(self) -> str:
        return self.source_id
