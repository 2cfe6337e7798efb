"""Who met which variant first, as rows: exposures of the world's experiment."""

from collections.abc import Iterator

import numpy as np

from monitoring.synthetic.traffic import profiles
from monitoring.synthetic.traffic.arrays import Ints
from monitoring.synthetic.traffic.drawing import Block
from monitoring.synthetic.traffic.tables import Table, picked, stamps, table
from monitoring.synthetic.traffic.writing import Writing, ids_at


def exposures_of(writing: Writing, block: Block, ids: Ints) -> Iterator[Table]:
    """Yield the rows of those who are exposed in this block, and remember them for the blocks to come; nothing where
    no experiment is planted. Only turns under the own variant's config count, as with people."""
    divided, people, asked = writing.divided, writing.world.people, block.asked
    if divided is None:
        return
    own = np.where(people.is_challenger[asked.user], profiles.CHALLENGER, profiles.CONTROL)
    counted = np.flatnonzero((asked.config == own) & ~writing.is_exposed[asked.user])
    counted = counted[np.argsort(asked.created[counted], kind="stable")]
    user, first = np.unique(asked.user[counted], return_index=True)
    turn = counted[first]
    writing.is_exposed[user] = True
    variants = np.asarray((divided.control_id, divided.challenger_id), np.int64)
    yield table(
        "monitoring_exposure",
        len(user),
        {
            "experiment_id": str(divided.experiment_id),
            "variant_id": variants[people.is_challenger[user].astype(np.int64)].tolist(),
            "user_id": ids_at(writing.standing.user_ids, user),
            "turn_id": ids[turn].tolist(),
            "unit_key": picked(people.names, user),
            "exposed_at": stamps(asked.created[turn]),
        },
    )
