"""What a call to a model costs. Published prices come from the package genai-prices, as bundled with it: no network.

The unit prices that held at the time of a call are copied into its record, so that a new price never changes old
totals. Unknown is None, never zero: a figure that leaves calls out must be able to say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice, calc_unit_price

from chat.rag.config import Price, Usage

FREE = Price(Decimal(0), Decimal(0), Decimal(0))
# Answers and embeddings made in this process: they cost what the machine costs, and nobody sends a bill.
FREE_PROVIDERS = frozenset({"offline", "local"})
MILLION = 1_000_000
# Parts of a bill that a plain chat call always has and that prices for tokens cannot say, e.g. so much a request.
UNPRICEABLE = ("requests_kcount", "output_reasoning_mtok", "output_citation_mtok")


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """A price that holds here in place of the published one, from a time on: own servers, agreed prices."""

    model: str  # "provider/model"
    valid_from: datetime
    input_usd_per_million: Decimal
    output_usd_per_million: Decimal
    cached_input_usd_per_million: Decimal | None = None  # None: as the other input


def price_for(
    provider: str,
    model: str,
    *,
    at: datetime,
    overrides: Sequence[PriceOverride] = (),
    input_tokens: int = 0,
) -> Price:
    """Return the unit prices of a model at a time; all None when they are not known.

    The newest valid override wins over the published price. `input_tokens` matters where a longer prompt costs more
    a token: the price of that tier is returned. A provider's name counts only as it is: a server of one's own that
    is called "my-openai" has no published price, whatever its models are called.
    """
    valid = [o for o in overrides if o.model == f"{provider}/{model}" and o.valid_from <= at]
    if valid:
        newest = max(valid, key=lambda override: override.valid_from)
        return Price(newest.input_usd_per_million, newest.output_usd_per_million, newest.cached_input_usd_per_million)
    if provider in FREE_PROVIDERS:
        return FREE
    published = _published(provider, model, at)
    if published is None or any(getattr(published, key) is not None for key in UNPRICEABLE):
        return Price()
    return Price(
        _at_tier(published, "input_mtok", input_tokens),
        _at_tier(published, "output_mtok", input_tokens),
        _at_tier(published, "cache_read_mtok", input_tokens),
    )


def cost_usd(usage: Usage | None, price: Price) -> Decimal | None:
    """Return what the tokens cost; None when they or the price of some of them are not known.

    Cached input tokens are part of the input tokens, and cost as much as the others where no price of their own is
    known: too much rather than too little.
    """
    if usage is None:
        return None
    input_price, output_price = price.input_usd_per_million, price.output_usd_per_million
    cached_price = price.cached_input_usd_per_million
    parts = (
        (usage.input_tokens - usage.cached_input_tokens, input_price),
        (usage.cached_input_tokens, input_price if cached_price is None else cached_price),
        (usage.output_tokens, output_price),
    )
    total = Decimal(0)
    for tokens, unit_price in parts:
        if tokens and unit_price is None:
            return None
        total += tokens * (unit_price or Decimal(0))
    # Without any price a call of no tokens is not known to be free either.
    return None if input_price is None and output_price is None else total / MILLION


def _published(provider: str, model: str, at: datetime) -> ModelPrice | None:
    snapshot = get_snapshot()
    if provider not in {known.id for known in snapshot.providers}:
        return None
    try:
        _, info = snapshot.find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return info.get_prices(at)


def _at_tier(published: ModelPrice, key: str, input_tokens: int) -> Decimal | None:
    """Return the price of a million tokens in a prompt of that length; the library knows the tiers."""
    unit_price = getattr(published, key)
    return None if unit_price is None else calc_unit_price(unit_price, MILLION, input_tokens, MILLION)
