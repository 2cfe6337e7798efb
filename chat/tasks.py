"""What the worker runs. Tasks take ids, call one service and may run twice."""

from chat.services import documents, spending, turns, uploaded


def beat() -> None:
    """Say that the worker lives; /readyz reads it."""
    turns.beat("worker")


def sweep() -> int:
    """Mark answers whose process died as interrupted, and queue lost uploads again; return how many."""
    return turns.sweep_interrupted() + documents.sweep_uploads()


def recount_budgets() -> int:
    """Count budgets anew that were not counted for an hour; return how many."""
    return spending.recount_old()


def ingest_document(document_id: int) -> str:
    """Take in the file uploaded with a document; return the status that it has then."""
    return uploaded.ingest_upload(document_id=document_id) or "gone"
