"""Telling webhooks which alerts fire: what fires is compared with what is known to fire. Nothing is read while nobody
listens, and who begins to listen is told of all that fires then."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from monitoring.alerts.base import Reading
from monitoring.alerts.evaluating import evaluate
from monitoring.models import FiringAlert
from monitoring.models.webhooks import Event
from monitoring.webhooks.outbox import listeners
from monitoring.webhooks.telling import tell_alert

# An alert that goes back and forth around its threshold is one alert.
QUIET_FOR = timedelta(minutes=5)


def tell_changes() -> int:
    """Tell of each alert that began to fire, and of each that has not fired for five minutes; return how many."""
    if not listeners(Event.ALERT_FIRED) and not listeners(Event.ALERT_RESOLVED):
        FiringAlert.objects.all().delete()
        return 0
    now = timezone.now()
    return sum(_tell_firing(one, now) if one.is_firing else _tell_quiet(one, now) for one in evaluate())


def _tell_firing(reading: Reading, now: datetime) -> bool:
    with transaction.atomic():
        known, is_new = FiringAlert.objects.get_or_create(
            rule=reading.rule.name, defaults={"fired_at": now, "seen_at": now}
        )
        if is_new:
            tell_alert(event=Event.ALERT_FIRED, rule=reading.rule.name, fired_at=now, data=_data(reading))
        else:
            FiringAlert.objects.filter(pk=known.pk).update(seen_at=now)
    return is_new


def _tell_quiet(reading: Reading, now: datetime) -> bool:
    with transaction.atomic():
        quiet = FiringAlert.objects.select_for_update().filter(rule=reading.rule.name, seen_at__lte=now - QUIET_FOR)
        known = quiet.first()
        if known is None:
            return False
        known.delete()
        data = {**_data(reading), "resolved_at": now.isoformat()}
        tell_alert(event=Event.ALERT_RESOLVED, rule=reading.rule.name, fired_at=known.fired_at, data=data)
    return True


def _data(reading: Reading) -> dict[str, Any]:
    rule = reading.rule
    return {
        "title": rule.title,
        "severity": str(rule.severity),
        "value": reading.value,
        "threshold": reading.threshold,
        "unit": rule.unit,
        "n": reading.n,
        "detail": reading.detail,
        "runbook": rule.runbook,
    }
