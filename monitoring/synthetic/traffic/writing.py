"""What the texts and ids of rows are made of, prepared once for a world."""

from dataclasses import dataclass

import numpy as np

from chat.services.conversations import title_for
from monitoring.synthetic.traffic.arrays import Bools, Ints
from monitoring.synthetic.traffic.dividing import Divided
from monitoring.synthetic.traffic.prices import Prices
from monitoring.synthetic.traffic.standing_rows import Standing
from monitoring.synthetic.traffic.tables import escaped
from monitoring.synthetic.traffic.texts import REFUSAL, Library
from monitoring.synthetic.traffic.world import World


@dataclass(frozen=True, slots=True)
class Writing:
    """Texts are as COPY reads them."""

    world: World
    standing: Standing
    prices: Prices
    questions: list[str]
    answers: list[str]  # three kinds, one after the other; the last is the refusal
    titles: list[str]
    hits: list[list[str]]  # by rank: everything of a hit that is the same each time
    ground: dict[str, list[int]]  # ids of all rows that the rows of a block refer to, by table
    divided: Divided | None  # the experiment of the world; None: it has none
    is_exposed: Bools  # of each user; grows while blocks are made, one after the other

    @classmethod
    def of(cls, world: World, standing: Standing, prices: Prices, divided: Divided | None = None) -> "Writing":
        items = world.library.items
        answers = [escaped(item.answers[kind]) for kind in range(3) for item in items]
        return cls(
            world=world,
            standing=standing,
            prices=prices,
            questions=[escaped(item.question) for item in items],
            answers=[*answers, escaped(REFUSAL)],
            titles=[escaped(title_for(item.question)) for item in items],
            hits=_hit_texts(world.library),
            ground=_ground(world.library, standing, divided),
            divided=divided,
            is_exposed=np.isin(standing.user_ids, list(divided.exposed_user_ids if divided else ())),
        )


def ids_at(ids: tuple[int, ...], places: Ints) -> list[int]:
    """Return the id at each place."""
    return list(np.asarray(ids, np.int64)[places].tolist())


def _hit_texts(library: Library) -> list[list[str]]:
    """Return, by rank, what each item's hit of that rank says: a hit's columns from `chunk_id` to `text`."""
    longest = int(library.hit_count.max())
    return [
        [
            "\t".join(
                [
                    str(hit.chunk_id),
                    str(hit.document_id),
                    escaped(hit.title),
                    escaped(hit.heading_path),
                    escaped(hit.text),
                ]
            )
            if (hit := item.hits[rank] if rank < len(item.hits) else None)
            else ""
            for item in library.items
        ]
        for rank in range(longest)
    ]


def _ground(library: Library, standing: Standing, divided: Divided | None) -> dict[str, list[int]]:
    hits = [hit for item in library.items for hit in item.hits]
    experiment = (
        {
            "monitoring_experiment": [divided.experiment_id],
            "monitoring_variant": sorted((divided.control_id, divided.challenger_id)),
        }
        if divided
        else {}
    )
    return {
        "chat_chunk": sorted({hit.chunk_id for hit in hits}),
        "chat_document": sorted({hit.document_id for hit in hits}),
        "chat_collection": sorted(set(library.collection_ids.tolist())),
        "chat_pipelineconfig": sorted(standing.config_ids),
        "auth_user": sorted({*standing.user_ids, standing.reviewer_id}),
        "monitoring_judgeversion": sorted(standing.version_ids),
        **experiment,
    }
