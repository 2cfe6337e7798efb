"""What made-up tokens cost: by the price lists that hold here, copied into each call as for any other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from chat.rag.config import Price
from chat.rag.prices import price_for
from chat.services.answering import price_overrides
from monitoring.synthetic.traffic.arrays import Bools, Ints

# A price is counted in millionths of a dollar for a million tokens, a cost in hundred-millionths of a dollar, which is
# how precisely it is stored.
PRICE_SCALE, COST_SCALE = 1_000_000, 100_000_000
_PER_COST = 10_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of some models, by their places."""

    of: tuple[Price, ...]
    known: Bools
    inputs: Ints
    cached: Ints
    outputs: Ints

    def costs(self, model: Ints, input_tokens: Ints, cached_tokens: Ints, output_tokens: Ints) -> Ints:
        """Return the cost of each call, rounded half up; -1 where it is not known."""
        exact = (
            (input_tokens - cached_tokens) * self.inputs[model]
            + cached_tokens * self.cached[model]
            + output_tokens * self.outputs[model]
        )
        return np.asarray(np.where(self.known[model], (exact + _PER_COST // 2) // _PER_COST, -1), np.int64)


def prices_of(models: Sequence[str], *, at: datetime) -> Prices:
    """Return what these models ("provider/model") cost at a time."""
    prices = []
    for name in models:
        provider, _, model = name.partition("/")
        prices.append(price_for(provider, model, at=at, overrides=price_overrides()))
    return Prices(
        of=tuple(prices),
        known=np.asarray([price.input_usd_per_million is not None for price in prices], np.bool_),
        inputs=_scaled([price.input_usd_per_million for price in prices]),
        cached=_scaled(
            [
                price.input_usd_per_million
                if price.cached_input_usd_per_million is None
                else price.cached_input_usd_per_million
                for price in prices
            ]
        ),
        outputs=_scaled([price.output_usd_per_million for price in prices]),
    )


def _scaled(prices: Sequence[Decimal | None]) -> Ints:
    return np.asarray([int((price or Decimal(0)) * PRICE_SCALE) for price in prices], np.int64)
