"""What calls of models cost, as far as it is known."""

from decimal import Decimal

from monitoring.dashboard.reading import Row


def spent_usd(row: Row) -> Decimal | None:
    """Return the known cost of a row of calls: nothing where there are no calls, and None, which is unknown and not
    nothing, where the cost of none of them is known."""
    if not row["calls"]:
        return Decimal(0)
    if row["cost_usd"] is None or row["unknown_cost_calls"] == row["calls"]:
        return None
    return Decimal(row["cost_usd"])
