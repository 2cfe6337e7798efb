"""The chart of an experiment: how the difference and its interval narrowed, look by look; drawn as on the dashboard."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.utils import timezone

from monitoring.admin.experiment_tables import ends
from monitoring.dashboard.drawing import MOST_TIMES, Column, Drawing, Line, Tick
from monitoring.experiments.figures import Results, VariantFigures
from monitoring.experiments.kpis import Kpi
from monitoring.models import Experiment, ExperimentLook

MOST_POINTS = 60  # of the chart; the table below has as many
NORMAL_LOOK = 2.0  # an early interval that is wider than so many times the last one is cut off
MOST_TICKS = 8
CORNER = 3.0  # in it a label of the time would run into those of the values


@dataclass(frozen=True, slots=True)
class LookRow:
    """A look in words, as the table below the chart has it."""

    at: str
    units: int
    difference: str
    interval: str
    fixed: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One variant against the control over time. `zero` is where 0 stands, `effects` where the smallest effect does, on
    the canvas from 0 to 100."""

    variant: VariantFigures
    kpi: Kpi
    drawing: Drawing | None  # None: not looked at twice yet
    zero: float
    effects: tuple[float, ...]
    rows: tuple[LookRow, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """From the foot to the top of the canvas."""

    first: float
    last: float
    step: float

    def place(self, value: float) -> float:
        """Return where a value is, from 0 at the top to 100 at the foot; what is beyond them is not on the canvas."""
        return 100 * (self.last - value) / (self.last - self.first)

    def y(self, value: float) -> float:
        """Return where a value is, or the edge of the canvas that it is beyond."""
        return min(max(self.place(value), 0.0), 100.0)


def charts_of(experiment: Experiment, found: Results, kpi: Kpi) -> list[Chart]:
    """Return a chart of this KPI for each variant but the control. One query."""
    looks: dict[int, list[ExperimentLook]] = {}
    rows = ExperimentLook.objects.filter(experiment=experiment, kpi=kpi.name, difference__isnull=False)
    for look in rows.order_by("looked_at", "pk"):
        looks.setdefault(look.variant_id, []).append(look)
    effect = experiment.smallest_effect if kpi.name == experiment.primary_kpi else None
    return [chart(other, kpi, thinned(looks.get(other.variant_id, [])), effect) for other in found.others]


def chart(variant: VariantFigures, kpi: Kpi, looks: Sequence[ExperimentLook], effect: float | None) -> Chart:
    """Draw looks, which are in the order of time."""
    rows = tuple(_row(kpi, look) for look in reversed(looks))
    if len(looks) < 2:
        return Chart(variant, kpi, None, 50.0, (), rows)
    scale = _scale(looks, effect or 0.0)
    places = _places(looks)
    drawing = Drawing(
        ticks=_ticks(kpi, scale),
        times=_times(looks, places),
        columns=_columns(kpi, looks, places),
        lines=(_line(looks, places, scale),),
    )
    effects = () if effect is None else tuple(scale.y(end) for end in (effect, -effect))
    return Chart(variant, kpi, drawing, scale.y(0.0), effects, rows)


def thinned(looks: Sequence[ExperimentLook]) -> list[ExperimentLook]:
    """Return so many looks at most, evenly, the last one always."""
    every = math.ceil(len(looks) / MOST_POINTS) or 1
    return list(looks[::-1][::every][::-1])


def _places(looks: Sequence[ExperimentLook]) -> list[float]:
    """Return where on the canvas each look is: by its time."""
    first, last = looks[0].looked_at, looks[-1].looked_at
    length = (last - first).total_seconds() or 1.0
    return [100 * (look.looked_at - first).total_seconds() / length for look in looks]


def _scale(looks: Sequence[ExperimentLook], effect: float) -> Scale:
    """Take what the last looks need: the first intervals are so wide that nothing else could be told apart. Where there
    is no interval yet, take what the line needs."""
    differences = [abs(look.difference) for look in looks if look.difference is not None]
    ends = [abs(end) for look in looks for end in (look.low, look.high) if end is not None]
    reach = max(differences, default=0.0)
    if ends:
        last = [end for end in (looks[-1].low, looks[-1].high, looks[-1].difference) if end is not None]
        wide = NORMAL_LOOK * max((abs(end) for end in last), default=0.0)
        reach = min(max(reach, *ends), wide)
    reach = max(reach, effect, 1e-9)
    power = 10.0 ** math.floor(math.log10(2 * reach / MOST_TICKS))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * MOST_TICKS >= 2 * reach * (1 - 1e-9))
    top = step * math.ceil(reach / step - 1e-9)
    return Scale(-top, top, step)


def _ticks(kpi: Kpi, scale: Scale) -> tuple[Tick, ...]:
    number = round((scale.last - scale.first) / scale.step)
    return tuple(_tick(kpi, scale, scale.first + scale.step * place) for place in range(number + 1))


def _tick(kpi: Kpi, scale: Scale, value: float) -> Tick:
    nothing = abs(value) < scale.step / 2  # as sums of steps are not exactly 0
    return Tick(kpi.change(0.0 if nothing else value, scale.step).removesuffix(" points"), scale.y(value))


def _times(looks: Sequence[ExperimentLook], places: Sequence[float]) -> tuple[Tick, ...]:
    """Label days, or hours where all is of two days."""
    is_short = (looks[-1].looked_at - looks[0].looked_at).total_seconds() < 2 * 86_400
    labels: list[Tick] = []
    for look, place in zip(looks, places, strict=True):
        label = f"{timezone.localtime(look.looked_at):{'%H:%M' if is_short else '%-d %b'}}"
        if not labels or labels[-1].label != label:
            labels.append(Tick(label, place))
    labels = [one for one in labels if one.place > CORNER] or labels
    every = math.ceil(len(labels) / MOST_TIMES) or 1
    return tuple(labels[::every])


def _columns(kpi: Kpi, looks: Sequence[ExperimentLook], places: Sequence[float]) -> tuple[Column, ...]:
    """Return for each look its part of the canvas, up to halfway to its neighbours."""
    middles = [(here + there) / 2 for here, there in pairwise(places)]
    begins, ends = [0.0, *middles], [*middles, 100.0]
    return tuple(
        Column(begin, end - begin, says(kpi, look), "") for look, begin, end in zip(looks, begins, ends, strict=True)
    )


def says(kpi: Kpi, look: ExperimentLook) -> str:
    """Return what a look says when one points at it."""
    row = _row(kpi, look)
    lines = (
        row.at,
        f"difference: {row.difference}",
        f"at all looks: {row.interval}",
        f"at one look: {row.fixed}",
        f"n = {row.units:,}",
    )
    return "\n".join(lines)


def _line(looks: Sequence[ExperimentLook], places: Sequence[float], scale: Scale) -> Line:
    """Draw the difference; the band holds at all looks."""
    points = [(place, look) for place, look in zip(places, looks, strict=True)]
    # Not held at the edge, or it would be read as a difference that did not change: it leaves the canvas there.
    path = "L".join(f"{place:.2f} {scale.place(look.difference or 0.0):.2f}" for place, look in points)
    known = [(place, look.low, look.high) for place, look in points if look.low is not None and look.high is not None]
    upper = "L".join(f"{place:.2f} {scale.y(high):.2f}" for place, _, high in known)
    lower = "L".join(f"{place:.2f} {scale.y(low):.2f}" for place, low, _ in reversed(known))
    place, last = points[-1]
    dot = f"M{place:.2f} {scale.y(last.difference or 0.0):.2f}h0"
    return Line("one", f"M{path}", dot, f"M{upper}L{lower}Z" if known else "")


def _row(kpi: Kpi, look: ExperimentLook) -> LookRow:
    width = None if look.low is None or look.high is None else look.high - look.low
    return LookRow(
        at=f"{timezone.localtime(look.looked_at):%-d %b %Y, %H:%M}",
        units=look.units,
        difference=kpi.change(look.difference, width),
        interval=ends(kpi, look.low, look.high),
        fixed=ends(kpi, look.fixed_low, look.fixed_high),
    )
