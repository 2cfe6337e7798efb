"""Documents by their stable ids, for many rows at once."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from chat.models import Collection, Document
from monitoring.datasets.drafts import Relevant
from monitoring.datasets.present import in_batches
from monitoring.exceptions import DatasetError


@dataclass(slots=True)
class KnownDocuments:
    """The documents of some ids, and all collections. One query for each two thousand ids."""

    collections: dict[str, Collection] = field(default_factory=dict)
    _places: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))  # id: collection name: pk

    @classmethod
    def of(cls, source_ids: Iterable[str]) -> "KnownDocuments":
        """Read the documents of these ids from the knowledge base."""
        known = cls({collection.name: collection for collection in Collection.objects.all()})
        names = {collection.pk: name for name, collection in known.collections.items()}
        for some in in_batches(sorted(set(source_ids))):
            rows = Document.objects.filter(source_id__in=some).order_by("pk")
            for source_id, collection_id, pk in rows.values_list("source_id", "collection_id", "pk"):
                if collection_id in names:
                    known._places[source_id][names[collection_id]] = pk
        return known

    def collection(self, name: str) -> Collection:
        """Return the collection of that name. Raises DatasetError that lists those there are."""
        if name not in self.collections:
            listed = ", ".join(sorted(self.collections)) or "none; manage.py ingest makes one"
            raise DatasetError(f"there is no collection {name!r}; known: {listed}")
        return self.collections[name]

    def relevant(self, source_id: str, *, collection: Collection | None) -> Relevant:
        """Return the document of that id in the collection, or the only one in any. Raises DatasetError that says where
        it was looked for."""
        places = self._places.get(source_id, {})
        if collection is not None:
            if collection.name not in places:
                elsewhere = f"; it is in {_listed(places)}" if places else ""
                raise DatasetError(f"there is no document {source_id!r} in collection {collection.name!r}{elsewhere}")
            return Relevant(source_id, places[collection.name], collection.name)
        if not places:
            raise DatasetError(f"there is no document {source_id!r} in any collection")
        if len(places) > 1:
            raise DatasetError(f"the document {source_id!r} is in {_listed(places)}; say which collection is meant")
        ((name, pk),) = places.items()
        return Relevant(source_id, pk, name)


def _listed(names: Iterable[str]) -> str:
    return " and ".join(repr(name) for name in sorted(names))
