"""Questions made from documents about travel, by a scripted model."""

import io
import json

from django.core.management import CommandError, call_command

from chat.models import Collection
from monitoring.synthetic.planning import Wish, plan_generation

TEXTS = {
    "trains.md": (
        "# Night trains\n\nA couchette is a compartment with six beds that strangers share. Reservations open ninety"
        " days ahead and cost four euros.\n\n"
        "## Luggage\n\nBicycles travel in the guard's van when they are packed in a bag.\n"
    ),
    "hotels.md": (
        "# Mountain hotels\n\nBreakfast is served from seven o'clock in the winter garden. Dogs may stay for twelve"
        " euros a night.\n\n## Sauna\n\nThe sauna is heated on request; ask the porter two hours before.\n"
    ),
    "museum.md": (
        "# Clock museum\n\nThe astronomical clock shows the phases of the moon. Guided tours start at noon.\n\n"
        "## Tickets\n\nPupils pay nothing on the first Sunday of each month.\n"
    ),
}

SINGLE = {
    "trains.md": [
        {"question": "How early can I secure a bunk for an overnight journey?", "answer": "Ninety days.", "passage": 1},
        {"question": "May I take my bike on the night train?", "answer": "Yes, in a bag.", "passage": 2},
    ],
    "hotels.md": [
        {"question": "When can I eat in the morning at the mountain hotel?", "answer": "From seven.", "passage": 1},
        {"question": "Whom do I tell that I want the hotel sauna warm?", "answer": "The porter.", "passage": 2},
    ],
    "museum.md": [
        {"question": "At what hour does somebody show us round the clock museum?", "answer": "At noon.", "passage": 1},
        {"question": "Is the clock museum free for school children?", "answer": "On first Sundays.", "passage": 2},
    ],
}  # fmt: skip


def generate(*args, **options):
    """Run the command; return stdout, stderr and its error."""
    out, err, error = io.StringIO(), io.StringIO(), ""
    options = {"collection": "travel", "name": "golden", "model": "fake/writer", "unanswerable": 0, **options}
    options = {"multi_document": 0, "per_document": 2, "no_check": True, "yes": True, "concurrency": 1, **options}
    try:
        call_command("generate_questions", *args, stdout=out, stderr=err, **options)
    except CommandError as exc:
        error = str(exc)
    return out.getvalue().splitlines(), err.getvalue().splitlines(), error


def script(fake_llm, replies):
    """Answer tasks in the order in which the seed puts the documents."""
    collection = Collection.objects.get(name="travel")
    plan = plan_generation(
        dataset_name="plan", collection=collection, wish=Wish(unanswerable_ratio=0, multi_document_ratio=0, model="")
    )
    ids = dict(collection.documents.values_list("pk", "source_id"))
    order = [ids[task.document_ids[0]] for task in plan.tasks.order_by("position")]
    plan.dataset.delete()
    fake_llm.enqueue(
        *(replies[name] if not isinstance(replies[name], list) else json.dumps(replies[name]) for name in order)
    )
    return order
