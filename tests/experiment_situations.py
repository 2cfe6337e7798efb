"""Situations of an experiment, to say a verdict on: plain numbers, no rows."""

from typing import Any

from monitoring.experiments.figures import Compared, Mismatch, Power
from monitoring.experiments.kpis import KPIS
from monitoring.experiments.verdicts import Situation


def compared(kpi: str = "up_ratio", ends: tuple[float, float] | None = (0.02, 0.12), **values: Any) -> Compared:
    """Return a comparison whose difference is in the middle of `ends`; None: nothing is known."""
    difference = sum(ends) / 2 if ends else None
    control = values.pop("control", 0.64)
    return Compared(
        **{
            "kpi": KPIS[kpi],
            "role": "primary",
            "control": control if ends else None,
            "value": control + difference if ends else None,
            "control_units": 500,
            "units": 500,
            "control_n": 900.0,
            "n": 900.0,
            "difference": difference,
            "low": ends[0] if ends else None,
            "high": ends[1] if ends else None,
            "fixed_low": None,
            "fixed_high": None,
            "alpha": 0.05,
            **values,
        }
    )


def guardrail(kpi: str, ends: tuple[float, float], state: str, **values: Any) -> Compared:
    return compared(kpi, ends, role="guardrail", margin=0.0, state=state, **values)


def situation(**values: Any) -> Situation:
    """Return a running experiment of two variants, past its first week, with 500 users in each."""
    return Situation(
        **{
            "variant_id": 2,
            "variant": "B",
            "unit": "users",
            "is_started": True,
            "is_running": True,
            "is_aa": False,
            "days": 9.0,
            "minimum_days": 7,
            "minimum_units": 100,
            "smallest_effect": 0.03,
            "mismatch": Mismatch(1.0, False),
            "split": [("A", 500, 0.5), ("B", 500, 0.5)],
            "units": 500,
            "control_units": 500,
            "primary": compared(),
            "guardrails": (),
            "power": Power(units_needed=1900, units=1000, units_per_day=100.0, days_left=9, power_now=0.4),
            **values,
        }
    )
