"""The prices that administrators set, as the pipeline wants them, and setting one."""

from datetime import datetime
from decimal import Decimal

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


def add_price(
    *,
    model: str,
    input_usd_per_million: Decimal,
    output_usd_per_million: Decimal,
    cached_input_usd_per_million: Decimal | None = None,
    valid_from: datetime,
) -> ModelPrice:
    """Let a price hold from a time on, until the next one. What was asked before keeps its cost."""
    price = ModelPrice.objects.create(
        model=model,
        input_usd_per_million=input_usd_per_million,
        output_usd_per_million=output_usd_per_million,
        cached_input_usd_per_million=cached_input_usd_per_million,
        valid_from=valid_from,
    )
    price_overrides.forget()
    return price
