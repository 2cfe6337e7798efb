"""Documents that are about neighbouring things: a question about both makes sense."""

from collections.abc import Sequence

from chat.models import Collection, Document
from monitoring.synthetic.filters import Looker

_LOOKED_AT = 200


def neighbours_of(collection: Collection, document_ids: Sequence[int], count: int) -> list[tuple[int, int]]:
    """Return up to `count` pairs of documents among `document_ids`, each document in one pair at most, because what a
    question joins is in one split: first the nearest neighbour, by the title, of each in turn."""
    if count < 1 or len(document_ids) < 2:
        return []
    pairs: list[tuple[int, int]] = []
    free = dict.fromkeys(document_ids)
    looker = Looker.of(collection.pk)
    titles = dict(Document.objects.filter(pk__in=document_ids).values_list("pk", "title"))
    for at in range(0, len(document_ids), _LOOKED_AT):
        some = list(document_ids[at : at + _LOOKED_AT])
        questions = [titles.get(pk, "") or "?" for pk in some]
        for pk, hits in zip(some, looker.found(questions, looker.vectors(questions)), strict=True):
            other = next((hit.document_id for hit in hits if hit.document_id != pk and hit.document_id in free), None)
            if pk in free and other is not None:
                pairs.append((pk, other))
                del free[pk], free[other]
            if len(pairs) == count:
                return pairs
    return pairs
