"""What pages of a rule have in common."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from monitoring.models import JudgeRule


def page_context(request: HttpRequest, title: str, rule: JudgeRule) -> dict[str, Any]:
    """Return what the admin's frame needs."""
    return {**admin.site.each_context(request), "title": title, "opts": JudgeRule._meta, "original": rule}


def start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def end_of(day: date) -> datetime:
    """Return the beginning of the day after."""
    return start_of(day + timedelta(days=1))
