"""A finished export as a stream of bytes."""

from collections.abc import Iterator

from monitoring.exceptions import ExportError
from monitoring.exports.formats import unpack
from monitoring.exports.table import columns_of, csv_head
from monitoring.models import Export, ExportPart


def file_of(export: Export) -> Iterator[bytes]:
    """Yield the file, a part of it at a time. Raises ExportError, before the first piece, where there is none."""
    if not export.is_done:
        raise ExportError(f"{export} is {export.get_status_display()}: there is no file to download.")
    return unpack(_parts(export), file_format=export.file_format, score_names=export.score_names)


def size_of(export: Export) -> int | None:
    """Return the bytes of the file; None where its parts are put together anew while it is sent."""
    match export.file_format:
        case Export.FileFormat.JSONL:
            return export.size_bytes
        case Export.FileFormat.CSV:
            return export.size_bytes + len(csv_head(columns_of(export.score_names)))
    return None


def _parts(export: Export) -> Iterator[bytes]:
    """Yield the parts, each by a query of its own: no connection is held while a slow client reads."""
    number = 0
    while True:
        number += 1
        data = ExportPart.objects.filter(export=export, number=number).values_list("data", flat=True).first()
        if data is None:
            return
        yield bytes(data)
