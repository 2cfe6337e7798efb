"""Working off an order for an export: by one process at a time, part by part.

A process claims an order with a token of its own. Each part is stored in one transaction with the place behind it, and
only while the token holds: whoever takes over from a process that died goes on behind the last part, and what that
process may still write is refused.
"""

import logging
import time
import uuid

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from chat.exceptions import ChatError
from monitoring.exports.choice import read_choice
from monitoring.exports.formats import pack
from monitoring.exports.orders import SILENT_AFTER
from monitoring.exports.records import BATCH_TURNS, Place, Reader, Record, Users
from monitoring.exports.table import score_names
from monitoring.models import Export, ExportPart
from monitoring.models.exports import ExportQuerySet

logger = logging.getLogger(__name__)

# A part that kills its process is not tried for ever.
MOST_STARTS = 5

Status = Export.Status


class StoppedError(Exception):
    """A person asked for a stop, another process took over, or the time of this slice is over."""


def work_on(export_id: int, seconds: float, *, part_turns: int = BATCH_TURNS) -> str | None:
    """Work on an order until it is done, cancelled or failed, or the time is over; return its status then.

    None: another process has it, or it is finished.
    """
    until, token = time.monotonic() + seconds, uuid.uuid4()
    if not _claim(export_id, token):
        return None
    export = Export.objects.get(pk=export_id)
    mine = Export.objects.filter(pk=export_id, claim=token)
    status, error = Status.FAILED.value, "The program failed; the error is in its log."
    try:
        status, error = _outcome(export, mine, until, part_turns)
    except SystemExit:  # the process is told to end, and the worker goes on
        status, error = Status.QUEUED.value, ""
        raise
    finally:
        finished_at = None if status == Status.QUEUED else timezone.now()
        with transaction.atomic():
            ours = mine.update(status=status, error=error, finished_at=finished_at, claim=None)
            if ours and status in (Status.CANCELLED, Status.FAILED):
                ExportPart.objects.filter(export=export_id).delete()
    return status


def _claim(export_id: int, token: uuid.UUID) -> bool:
    now = timezone.now()
    free = Q(status=Status.QUEUED) | Q(status=Status.RUNNING, heartbeat_at__lt=now - SILENT_AFTER)
    return bool(
        Export.objects.filter(free, pk=export_id).update(
            status=Status.RUNNING, claim=token, heartbeat_at=now, starts=F("starts") + 1, error=""
        )
    )


def _outcome(export: Export, mine: ExportQuerySet, until: float, part_turns: int) -> tuple[str, str]:
    if export.starts > MOST_STARTS:
        return Status.FAILED, f"{MOST_STARTS} processes died over it. Choose fewer turns, or see the worker's log."
    try:
        _make(export, mine, until, part_turns)
    except StoppedError:
        is_cancelled = mine.filter(cancel_requested_at__isnull=False).exists()
        return (Status.CANCELLED if is_cancelled else Status.QUEUED), ""
    except ChatError as error:
        return Status.FAILED, str(error)
    return Status.DONE, ""


def _make(export: Export, mine: ExportQuerySet, until: float, part_turns: int) -> None:
    choice = read_choice(export.choice)
    if export.total_turns is None:
        export.total_turns = choice.turns().count()
        export.score_names = score_names() if export.file_format == "csv" else []
        mine.update(total_turns=export.total_turns, score_names=export.score_names)
    users: Users = export.users  # type: ignore[assignment] # a constraint of the table allows no other
    # Whoever may order exports may be the second reviewer.
    reader = Reader(choice, users=users, with_texts=export.with_texts, is_blind=True, batch_turns=part_turns)
    after = Place(export.place_at, export.place_turn_id) if export.place_at and export.place_turn_id else None
    number = export.parts.count()
    for records, place in reader.batches(after):
        number += 1
        _store(export, mine, number, records, place)
        if time.monotonic() >= until:
            raise StoppedError


def _store(export: Export, mine: ExportQuerySet, number: int, records: list[Record], place: Place) -> None:
    data, size = pack(records, file_format=export.file_format, score_names=export.score_names)
    with transaction.atomic():
        alive = mine.filter(cancel_requested_at=None).update(
            done_turns=F("done_turns") + len(records),
            size_bytes=F("size_bytes") + size,
            place_at=place.created_at,
            place_turn_id=place.turn_id,
            heartbeat_at=timezone.now(),
            starts=0,
        )
        if not alive:
            raise StoppedError
        ExportPart.objects.create(export=export, number=number, data=data)
