"""What the worker runs. Tasks take ids, call one service and may run twice."""

from chat.services import api_use, documents, spending, turns, uploaded


def beat() -> None:
    """Say that the worker lives; /readyz reads it."""
    turns.beat("worker")


def sweep() -> int:
    """Mark answers whose process died as interrupted, and queue lost uploads again; return how many. Counts of requests
    that are over go too."""
    api_use.sweep_api()
    return turns.sweep_interrupted() + documents.sweep_uploads()


def recount_budgets() -> int:
    """Count budgets anew that were not counted for an hour; return how many."""
    return spending.recount_old()


def ingest_document(document_id: int) -> str:
    """Take in the file uploaded with a document; return the status that it has then."""
    return uploaded.ingest_upload(document_id=document_id) or "gone"
