"""The prices that administrators set, as the pipeline wants them."""

from chat.models import ModelPrice
from chat.rag.prices import PriceOverride
from chat.services.remembered import Remembered


@Remembered
def price_overrides() -> tuple[PriceOverride, ...]:
    """Return the prices that administrators set in place of the published ones."""
    return tuple(
        PriceOverride(
            model=row.model,
            input_usd_per_million=row.input_usd_per_million,
            output_usd_per_million=row.output_usd_per_million,
            cached_input_usd_per_million=row.cached_input_usd_per_million,
            valid_from=row.valid_from,
        )
        for row in ModelPrice.objects.all()
    )
