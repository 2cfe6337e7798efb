"""Exports of turns: an order that the worker works off, and the parts of the file that it has made.

Parts stand in the database, so that any worker goes on where another one died, and any web process can send the file.
They go with their order, a week after it was done.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

KEPT = timedelta(days=7)


class ExportQuerySet(models.QuerySet["Export"]):
    def open(self) -> "ExportQuerySet":
        """Those that wait or go on."""
        return self.filter(status__in=[Export.Status.QUEUED, Export.Status.RUNNING])

    def done(self) -> "ExportQuerySet":
        """Those whose file can be downloaded."""
        return self.filter(status=Export.Status.DONE)


class Export(models.Model):
    """Turns that somebody wants as a file."""

    class Status(models.TextChoices):
        QUEUED = "QUEUED", "queued"
        RUNNING = "RUNNING", "running"  # or its process died: `heartbeat_at` tells
        DONE = "DONE", "done"
        FAILED = "FAILED", "failed"
        CANCELLED = "CANCELLED", "cancelled"

    class FileFormat(models.TextChoices):
        JSONL = "jsonl", "JSONL"
        CSV = "csv", "CSV"
        PARQUET = "parquet", "Parquet"

    class Users(models.TextChoices):
        NONE = "none", "left out"
        IDS = "ids", "by number"
        NAMES = "names", "by name"

    file_format = models.CharField(max_length=10, choices=FileFormat, default=FileFormat.JSONL)
    choice = models.JSONField(default=dict, help_text="Filters, as in the addresses of the list of turns.")
    words = models.CharField(max_length=500, blank=True, default="", help_text="The same in words, as of then.")
    users = models.CharField(max_length=10, choices=Users, default=Users.IDS)
    with_texts = models.BooleanField(default=True)
    score_names = models.JSONField(default=list, blank=True, help_text="Criteria that are columns of a table.")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    error = models.TextField(blank=True, default="")
    total_turns = models.PositiveIntegerField(null=True, help_text="Empty: not counted.")
    done_turns = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0, help_text="Of the parts so far, before compression.")
    # Behind which turn it goes on.
    place_at = models.DateTimeField(null=True)
    place_turn_id = models.BigIntegerField(null=True)
    claim = models.UUIDField(null=True, help_text="Of the process that works on it.")
    starts = models.PositiveSmallIntegerField(default=0, help_text="How often a process took it up in vain.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        permissions = [("export_turns", "Can export turns")]
        constraints = [
            models.CheckConstraint(
                name="monitoring_export_format", condition=Q(file_format__in=["jsonl", "csv", "parquet"])
            ),
            models.CheckConstraint(name="monitoring_export_users", condition=Q(users__in=["none", "ids", "names"])),
            models.CheckConstraint(
                name="monitoring_export_status",
                condition=Q(status__in=["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED"]),
            ),
        ]

    def __str__(self) -> str:
        return f"Export {self.pk}"

    def get_absolute_url(self) -> str:
        return f"{reverse('admin:monitoring_export_changelist')}#export-{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def is_done(self) -> bool:
        return self.status == self.Status.DONE

    @property
    def removed_at(self) -> datetime | None:
        """When it goes with its file; None while it is not finished."""
        return self.finished_at + KEPT if self.finished_at else None

    @property
    def file_name(self) -> str:
        return f"turns-{self.pk}.{self.file_format}"


class ExportPart(models.Model):
    """A piece of the file, packed."""

    # Without an index of its own: that of the unique number begins with the export.
    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField(help_text="1 is the first.")
    data = models.BinaryField()

    class Meta:
        ordering = ["export", "number"]
        constraints = [
            models.UniqueConstraint(fields=["export", "number"], name="monitoring_exportpart_once"),
        ]

    def __str__(self) -> str:
        return f"part {self.number} of export {self.export_id}"
