"""Documents that went and came back, as when a folder is ingested anew: items know them by their stable ids."""

from monitoring.datasets.known_documents import KnownDocuments
from monitoring.datasets.present import BATCH_ROWS
from monitoring.exceptions import DatasetError
from monitoring.models import Dataset, RelevantDocument


def relink_documents(*, dataset: Dataset) -> int:
    """Point items of the newest version at documents that are there again under their ids; return how many."""
    lost = list(
        RelevantDocument.objects.filter(item__dataset=dataset, item__removed_in=None, document=None)
        .select_related("item__collection")
        .order_by("pk")
    )
    known = KnownDocuments.of(row.source_id for row in lost)
    found: list[RelevantDocument] = []
    for row in lost:
        try:
            row.document_id = known.relevant(row.source_id, collection=row.item.collection).document_id
        except DatasetError:
            continue  # still gone, or in several collections
        found.append(row)
    RelevantDocument.objects.bulk_update(found, ["document"], batch_size=BATCH_ROWS)
    return len(found)
