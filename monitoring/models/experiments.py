"""Experiments: users (or conversations) of the live chat divided between pipeline configs, and what became of it.

An experiment is a draft until it is started, and then fixed: a change is a new experiment. Who gets which variant is
computed from hashes (monitoring.experiments.assignment) and stored nowhere but in exposures, which are written with the
first answer under a variant.
"""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q
from django.urls import reverse

from chat.models import Collection, Conversation, PipelineConfig, Turn
from chat.models.conversation import Origin
from monitoring.models.evaluation import EvaluationRun

BUCKETS = 10_000  # of traffic, and of the shares of variants


def make_salt() -> str:
    return secrets.token_hex(8)


class ExperimentQuerySet(models.QuerySet["Experiment"]):
    def running(self) -> "ExperimentQuerySet":
        return self.filter(status=Experiment.Status.RUNNING)

    def of_people(self) -> "ExperimentQuerySet":
        """Without those that synthetic traffic stands on."""
        return self.exclude(origin=Origin.SYNTHETIC)


class Experiment(models.Model):
    """Two or more variants on live traffic, with the figure that decides."""

    class Unit(models.TextChoices):
        USER = "USER", "users"
        CONVERSATION = "CONVERSATION", "conversations"

    class Status(models.TextChoices):
        DRAFT = "DRAFT", "draft"
        RUNNING = "RUNNING", "running"
        STOPPED = "STOPPED", "stopped"  # gives the default config to all; can still be concluded
        CONCLUDED = "CONCLUDED", "concluded"

    name = models.CharField(max_length=100, unique=True)
    hypothesis = models.TextField(help_text="What you expect, and why: written down before anything is known.")
    unit = models.CharField(
        max_length=12,
        choices=Unit,
        default=Unit.USER,
        help_text="What is divided. Users keep their variant everywhere; conversations need fewer people, but one"
        " person may meet both.",
    )
    origin = models.CharField(
        max_length=10, choices=Origin, default=Origin.USER, editable=False, help_text="Whose turns count."
    )
    collections = models.ManyToManyField(
        Collection, blank=True, related_name="+", help_text="Only conversations on these. None: all."
    )
    groups = models.ManyToManyField(Group, blank=True, related_name="+", help_text="Only members. None: everybody.")
    primary_kpi = models.CharField(max_length=40, help_text="The one figure that decides.")
    smallest_effect = models.FloatField(
        validators=[MinValueValidator(0.0)],
        help_text="The smallest difference worth knowing, in the KPI's own unit (0.03: three points of a share). It"
        " sets how much traffic is needed.",
    )
    alpha = models.FloatField(
        default=0.05,
        validators=[MinValueValidator(0.001), MaxValueValidator(0.2)],
        help_text="How often an experiment without any difference may be called a win: 0.05 is one in twenty.",
    )
    power = models.FloatField(
        default=0.8,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.99)],
        help_text="How surely the smallest effect is to be found, if it is there.",
    )
    minimum_days = models.PositiveIntegerField(default=7, help_text="No verdict before: a week has all its days.")
    minimum_units = models.PositiveIntegerField(default=100, help_text="No verdict with fewer in any variant.")
    traffic = models.PositiveIntegerField(
        default=BUCKETS,
        validators=[MinValueValidator(1), MaxValueValidator(BUCKETS)],
        help_text="Of 10,000 parts of all traffic. What runs at once shares them: nobody is in two experiments.",
    )
    first_bucket = models.PositiveIntegerField(null=True, editable=False, help_text="Given at the start.")
    is_aa = models.BooleanField(
        "A/A",
        default=False,
        help_text="Both variants have the same config: a test of the method itself, which should find nothing.",
    )
    stops_on_guardrail = models.BooleanField(
        default=False, help_text="Stop by itself when a guardrail is surely broken; otherwise it is only said."
    )
    justified_by = models.ForeignKey(
        EvaluationRun,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="experiments",
        help_text="The evaluation run of the new config, tried offline first.",
    )
    salt = models.CharField(max_length=32, default=make_salt, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    stopped_at = models.DateTimeField(null=True, editable=False)
    stop_reason = models.TextField(blank=True, default="", editable=False)
    concluded_at = models.DateTimeField(null=True, editable=False)
    conclusion = models.TextField(blank=True, default="", editable=False)
    winner = models.ForeignKey(
        "Variant", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ExperimentQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        permissions = [
            ("run_experiment", "Can start, stop and conclude experiments"),
        ]
        constraints = [
            models.CheckConstraint(
                name="monitoring_experiment_status",
                condition=Q(status__in=["DRAFT", "RUNNING", "STOPPED", "CONCLUDED"]),
            ),
            models.CheckConstraint(name="monitoring_experiment_unit", condition=Q(unit__in=["USER", "CONVERSATION"])),
            models.CheckConstraint(
                name="monitoring_experiment_started",
                condition=Q(status="DRAFT") | Q(started_at__isnull=False, first_bucket__isnull=False),
            ),
            models.CheckConstraint(
                name="monitoring_experiment_buckets",
                condition=Q(first_bucket__isnull=True) | Q(first_bucket__lte=BUCKETS - F("traffic")),
            ),
            # Nobody is in two at once. Synthetic users are nobody.
            ExclusionConstraint(
                name="monitoring_experiment_layers",
                expressions=[
                    (
                        Func(F("first_bucket"), F("first_bucket") + F("traffic"), function="int4range"),
                        RangeOperators.OVERLAPS,
                    )
                ],
                condition=Q(status="RUNNING") & ~Q(origin="SYNTHETIC"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("admin:monitoring_experiment_change", args=[self.pk])

    @property
    def is_fixed(self) -> bool:
        """Whether it was started: what it is does not change any more."""
        return self.status != self.Status.DRAFT

    def runtime(self, now: datetime) -> timedelta:
        """How long it has run, or ran."""
        if self.started_at is None:
            return timedelta()
        return (self.stopped_at or now) - self.started_at


class Variant(models.Model):
    """One of the ways that are compared. The first one made is the control, which the others are compared with."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="variants", db_index=False)
    name = models.CharField(max_length=40)
    config = models.ForeignKey(PipelineConfig, on_delete=models.PROTECT, related_name="+")
    share = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(BUCKETS - 1)],
        help_text="Of 10,000 parts of the experiment's traffic.",
    )
    is_control = models.BooleanField(default=False)

    class Meta:
        ordering = ["-is_control", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "name"], name="monitoring_variant_name"),
            models.UniqueConstraint(
                fields=["experiment"], condition=Q(is_control=True), name="monitoring_variant_one_control"
            ),
            models.CheckConstraint(name="monitoring_variant_share", condition=Q(share__gte=1, share__lt=BUCKETS)),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.experiment}"  # read by whoever tries to delete its config


class Guardrail(models.Model):
    """A figure that must not get worse by more than `margin`, whatever the primary one does."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="guardrails", db_index=False)
    kpi = models.CharField(max_length=40)
    margin = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0)],
        help_text="How much worse is still all right, in the KPI's own unit.",
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "kpi"], name="monitoring_guardrail_once"),
            models.CheckConstraint(name="monitoring_guardrail_margin", condition=Q(margin__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.kpi}, at most {self.margin:g} worse"


class Pin(models.Model):
    """A user who always gets one variant, to look at it. Pinned users are left out of the figures."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="pins", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["experiment", "user"], name="monitoring_pin_once")]

    def __str__(self) -> str:
        return f"{self.user} gets {self.variant}"


class Exposure(models.Model):
    """A unit that met its variant: from its first finished turn under it on, its turns count."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="exposures", db_index=False)
    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="exposures")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The unit, where conversations are divided.",
    )
    turn = models.ForeignKey(Turn, on_delete=models.SET_NULL, null=True, related_name="+", help_text="The first one.")
    unit_key = models.CharField(max_length=40, help_text="The id of the user or of the conversation.")
    exposed_at = models.DateTimeField(help_text="When that turn was asked.")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["experiment", "unit_key"], name="monitoring_exposure_once")]

    def __str__(self) -> str:
        return f"{self.unit_key} got {self.variant_id}"


class ExperimentLook(models.Model):
    """What was known of one KPI of one variant against the control at a time: a point of the chart. Written by the
    worker, each hour while the experiment runs; a look changes nothing, the intervals hold at all of them at once."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="looks", db_index=False)
    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="+")
    kpi = models.CharField(max_length=40)
    looked_at = models.DateTimeField()
    units = models.PositiveIntegerField(help_text="Of the variant and the control together, with something to count.")
    control = models.FloatField(null=True, help_text="The figure of the control.")
    value = models.FloatField(null=True, help_text="The figure of the variant.")
    difference = models.FloatField(null=True, help_text="Variant less control.")
    low = models.FloatField(null=True, help_text="Of the interval that holds at all looks.")
    high = models.FloatField(null=True)
    fixed_low = models.FloatField(null=True, help_text="Of the interval that holds if one looks once.")
    fixed_high = models.FloatField(null=True)

    class Meta:
        ordering = ["looked_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "variant", "kpi", "looked_at"], name="monitoring_experimentlook_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kpi} at {self.looked_at:%Y-%m-%d %H:%M}"
