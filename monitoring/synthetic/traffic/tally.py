"""Counting a world while it is drawn, without the database: what the truth file is made of."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from monitoring.synthetic.traffic.arrays import Floats, Ints
from monitoring.synthetic.traffic.call_counts import call_counts, call_times
from monitoring.synthetic.traffic.counted import Counted, Drawn, counted, drawn
from monitoring.synthetic.traffic.drawing import Block
from monitoring.synthetic.traffic.evidence import Evidence
from monitoring.synthetic.traffic.groups import ALL, MODEL, Grouping, Groups
from monitoring.synthetic.traffic.writing import Writing

# Latencies are counted in steps of 0.5 %, from 0.1 ms on: fine against the 5 % that a report may be off.
STEP, SHORTEST = 1.005, 1e-4
_STEPS = 3500
TIMED = ("total", "first_token", "rewrite", "embed", "search", "context")


@dataclass(frozen=True, slots=True)
class Cell:
    """Where figures stand: the report and its group; criterion and source of scores, or the measure of latencies."""

    report: str
    by: str = ""
    key: str = ""
    name: str = ""
    source: str = ""


@dataclass(slots=True)
class Chance:
    """Of `n` things that chance decided: what was expected, how far chance leads away, and what came; all are sums."""

    expected: float = 0.0
    variance: float = 0.0
    realised: float = 0.0
    n: int = 0


@dataclass(slots=True)
class Tally:
    """Counts (costs in hundred-millionths of a dollar), chances and latencies of a world."""

    counts: dict[Cell, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    chances: dict[tuple[Cell, str], Chance] = field(default_factory=lambda: defaultdict(Chance))
    latencies: dict[Cell, Ints] = field(default_factory=dict)
    last_call: float = 0.0
    writing: Writing | None = None
    evidence: Evidence | None = None
    _groups: Groups | None = None

    def add(self, writing: Writing, block: Block) -> None:
        """Count a block."""
        self.writing = writing
        self._groups = self._groups or Groups(writing)
        self.evidence = self.evidence or Evidence(writing.world)
        self.evidence.add(block)
        figures, chances = list(counted(block)), list(drawn(block))
        for group in self._groups.of(block):
            for one in figures:
                if group.by in one.by:
                    self._count(group, one)
            for chance in chances:
                if group.by in chance.by:
                    self._draw(group, chance)
            if group.by in (ALL, MODEL):
                for measure in TIMED:
                    self._time(group, measure, getattr(block.speeds, measure))
        for by, key, sums in call_counts(writing, block):
            self.counts[Cell("calls", by, key)].update(sums)
        self.last_call = max(self.last_call, float(call_times(block).max()))

    def _count(self, group: Grouping, one: Counted) -> None:
        for figure, values in one.figures.items():
            # Sums of whole numbers below 2^53: exact.
            sums = np.bincount(group.places, values, len(group.keys))
            for key, value in zip(group.keys, sums.tolist(), strict=True):
                self.counts[Cell(one.report, group.by, key, one.name, one.source)][figure] += int(value)

    def _draw(self, group: Grouping, one: Drawn) -> None:
        places, size = group.places[one.counts], len(group.keys)
        expected, variance, realised = (
            np.bincount(places, values[one.counts], size) for values in (one.mean, one.variance, one.values)
        )
        numbers = np.bincount(places, minlength=size)
        for place, key in enumerate(group.keys):
            chance = self.chances[Cell(one.report, group.by, key, one.name, one.source), one.figure]
            chance.expected += float(expected[place])
            chance.variance += float(variance[place])
            chance.realised += float(realised[place])
            chance.n += int(numbers[place])

    def _time(self, group: Grouping, measure: str, seconds: Floats) -> None:
        has = ~np.isnan(seconds)
        steps = np.ceil(np.log(np.maximum(seconds[has], SHORTEST) / SHORTEST) / np.log(STEP)).astype(np.int64)
        flat = group.places[has] * _STEPS + steps.clip(max=_STEPS - 1)
        counts = np.bincount(flat, minlength=len(group.keys) * _STEPS).reshape(-1, _STEPS)
        for place, key in enumerate(group.keys):
            cell = Cell("latency", group.by, key, measure)
            self.latencies[cell] = counts[place] + self.latencies.get(cell, 0)


def quantile(counts: Ints, share: float) -> float | None:
    """Return the value that a share of what was counted does not exceed; None where nothing was."""
    total = int(counts.sum())
    if not total:
        return None
    step = int(np.searchsorted(np.cumsum(counts), share * total))
    return float(SHORTEST * STEP ** (step - 0.5))
