"""Blind comparisons: people see two answers to one question without the names of what made them, and pick.

Wins between pipeline configs are turned into strengths (monitoring.statistics.bradley_terry).
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from monitoring.models.evaluation import EvaluationItem, EvaluationRun
from monitoring.models.experiments import Experiment


class ComparisonQuerySet(models.QuerySet["Comparison"]):
    def pickable_by(self, user: Any) -> "ComparisonQuerySet":
        """Those that this person may be asked about: reviewers all, others what is open to users."""
        return self if user.has_perm("monitoring.add_preference") else self.filter(is_open_to_users=True)


class Comparison(models.Model):
    """Answers of two or more evaluation runs of one dataset, to be compared blindly."""

    name = models.CharField(max_length=100, unique=True)
    runs = models.ManyToManyField(EvaluationRun, related_name="+", help_text="Of the same dataset, with answers.")
    experiment = models.ForeignKey(
        Experiment, on_delete=models.SET_NULL, null=True, blank=True, related_name="comparisons"
    )
    is_open_to_users = models.BooleanField(
        default=False, help_text="Everybody who may chat can pick, not only reviewers; they are shown the address."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ComparisonQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("admin:monitoring_comparison_change", args=[self.pk])


class Preference(models.Model):
    """What one person picked of one pair, in the order in which it was shown."""

    class Choice(models.TextChoices):
        LEFT = "LEFT", "left"
        RIGHT = "RIGHT", "right"
        TIE = "TIE", "equally good"
        BOTH_BAD = "BOTH_BAD", "both bad"

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="preferences", db_index=False)
    left = models.ForeignKey(EvaluationItem, on_delete=models.CASCADE, related_name="+")
    right = models.ForeignKey(EvaluationItem, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    choice = models.CharField(max_length=8, choices=Choice)
    comment = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="monitoring_preference_choice", condition=Q(choice__in=["LEFT", "RIGHT", "TIE", "BOTH_BAD"])
            ),
            models.UniqueConstraint(fields=["comparison", "user", "left", "right"], name="monitoring_preference_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_choice_display()} in {self.comparison_id}"
