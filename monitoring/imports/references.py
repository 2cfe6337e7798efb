"""What lines refer to: users, collections, configs, documents and judges. What is known here is taken, what is not is
made and counted, so that the summary can say it."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chat.models import Collection, Document, Embedder, PipelineConfig
from chat.models.people import IMPORTED_PREFIX
from chat.services.configs import ensure_default_config
from monitoring.exports.records import config_record
from monitoring.models import JudgeVersion

UserOption = Literal["keep", "none"]
NAME_CHARS = 60  # of a config
_RECIPE_OF_DEFAULTS = {"rerank": "", "rerank_model": "", "fallback_model": "", "prompt": ""}


class References:
    """Finds rows by what lines call them; remembers each. `source`: where the lines come from, by name."""

    def __init__(self, *, source: str, users: UserOption) -> None:
        self.source, self.users = source, users
        self.made: Counter[str] = Counter()
        self.unknown_documents = 0
        self._users: dict[str, int] = {}
        self._collections: dict[str, int] = {}
        self._configs: dict[str, int] = {}
        self._judges: dict[str, int] = {}

    def forget(self) -> None:
        """Look everything up anew: what was made in a transaction that failed is not there."""
        for known in (self._users, self._collections, self._configs, self._judges):
            known.clear()

    def user(self, named: Mapping[str, Any] | None) -> int | None:
        """Return the user of a name; one that nobody can sign in as where there is none. A user who has a number alone
        is another one here for each source."""
        if self.users == "none" or not named or (not named["name"] and named["id"] is None):
            return None
        return self._account(named["name"] or f"{IMPORTED_PREFIX}{slug(self.source)}-{named['id']}")

    def nameless_reviewer(self, number: int) -> int:
        """Return who stands for reviewers of the source who are not named: a review is somebody's."""
        return self._account(f"{IMPORTED_PREFIX}{slug(self.source)}-reviewer-{number}")

    def _account(self, name: str) -> int:
        if name not in self._users:
            users = get_user_model()._default_manager
            found = users.filter(username=name).first()
            if found is None:
                found = users.create(username=name, password="!", is_active=False)  # noqa: S106 # "!": no password fits
                self.made["users"] += 1
            self._users[name] = found.pk
        return self._users[name]

    def collection(self, name: str | None) -> int | None:
        """Return the collection of a name; an empty one where there is none."""
        if not name:
            return None
        if name not in self._collections:
            collection, is_new = Collection.objects.get_or_create(
                name=name, defaults={"description": f"Made by an import from {self.source}; it holds no documents."}
            )
            self._collections[name] = collection.pk
            self.made["collections"] += is_new
        return self._collections[name]

    def config(self, record: Mapping[str, Any]) -> int:
        """Return the config that answers exactly so; where there is none, one that is kept for these answers alone."""
        key = json.dumps(record, sort_keys=True, default=str)
        if key not in self._configs:
            self._configs[key] = self._find_config(record) or self._make_config(record)
        return self._configs[key]

    def judge(self, record: Mapping[str, Any]) -> int:
        """Return the version of a judge, which its fingerprint names everywhere."""
        fingerprint = record["fingerprint"]
        if fingerprint not in self._judges:
            values = {name: record[name] or "" for name in ("criterion", "version", "family", "model", "prompt_name")}
            values |= {"prompt_sha256": record["prompt_sha256"] or "", "settings": record["settings"] or {}}
            version, is_new = JudgeVersion.objects.get_or_create(
                fingerprint=fingerprint, defaults={"judge": record["name"], **values}
            )
            self._judges[fingerprint] = version.pk
            self.made["judge versions"] += is_new
        return self._judges[fingerprint]

    def documents(self, hits: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
        """Return the documents that hits name, by collection and id within it. One query."""
        wanted = {(hit["document_collection"], hit["document"]) for hit in hits if hit["document"]}
        if not wanted:
            return {}
        ids, names = {pair[1] for pair in wanted}, {pair[0] for pair in wanted}
        rows = Document.objects.filter(source_id__in=ids, collection__name__in=names)
        found = {
            (name, source_id): pk for pk, name, source_id in rows.values_list("pk", "collection__name", "source_id")
        }
        self.unknown_documents += len(wanted - found.keys())
        return found

    def _find_config(self, record: Mapping[str, Any]) -> int | None:
        named = Q(name=record["name"]) | Q(name=foreign_name(record["name"]))
        ours = Q(import_source=self.source) | Q(import_source="")
        has_embedder = Embedder.objects.filter(name=record["embedder"] or "").exists()
        for config in PipelineConfig.objects.filter(named, ours).select_related("embedder"):
            if _is_same(config_record(config), record, is_foreign=bool(config.import_source), embedder=has_embedder):
                return config.pk
        return None

    @transaction.atomic
    def _make_config(self, record: Mapping[str, Any]) -> int:
        embedder = Embedder.objects.filter(name=record["embedder"] or "").first()
        recipe = {name: value for name, value in record.items() if name not in ("name", "version", "embedder")}
        values = _RECIPE_OF_DEFAULTS | {name: value for name, value in recipe.items() if value is not None}
        name, version = record["name"], record["version"]
        if PipelineConfig.objects.filter(name=name, version=version).exists():
            name = name if name.startswith(IMPORTED_PREFIX) else foreign_name(name)
            newest = PipelineConfig.objects.filter(name=name).order_by("-version").first()
            version = newest.version + 1 if newest else 1
        said = f"Answered by {self.source}."
        if not record["prompt"]:
            said += " Nothing but the model is known."
        elif embedder is None:
            said += f" Its embedder, {record['embedder'] or 'unknown'}, is not set up here."
        config = PipelineConfig.objects.create(
            **{**values, "name": name, "version": version},
            description=said[:300],
            embedder=embedder or ensure_default_config().embedder,
            import_source=self.source,
            fixed_at=timezone.now(),
        )
        self.made["configs"] += 1
        return config.pk


def _is_same(there: Mapping[str, Any], record: Mapping[str, Any], *, is_foreign: bool, embedder: bool) -> bool:
    """Whether two configs answer the same way. One of this site has to have the same version too; one that was imported
    has another embedder where its own is not set up here."""
    compared = set(record) - {"name", "version"}
    if is_foreign and not embedder:
        compared -= {"embedder"}
    if not record["prompt"]:
        return is_foreign and there["prompt"] is None and there["model"] == record["model"]
    return all(there[name] == record[name] for name in compared) and (
        is_foreign or there["version"] == record["version"]
    )


def foreign_name(name: str) -> str:
    """Return what a config is called whose own name is taken here by another one."""
    return f"{IMPORTED_PREFIX}{name}"[:NAME_CHARS]


def slug(text: str) -> str:
    """Return a text as part of a name: letters, digits and hyphens."""
    made = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40]
    return made or hashlib.sha256(text.encode()).hexdigest()[:8]
