"""May a config take the place of another one? A gate for continuous integration.

It passes when, for each measure that is named with a minimum, the difference candidate minus baseline over the common
questions is at least that minimum. The estimate counts, not the whole interval, since with few questions even a config
against itself has an interval that reaches below a small minimum; `whole_interval` asks for more: that the lower end is
at least the minimum, which proves it to 97.5 %. What is missing is no pass: a run that is not finished, an answer that
failed, a measure that was not scored for the same questions.

A judge that is not proven against people closes no gate: what it says is reported, and does not count. A gate that asks
for nothing else cannot judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from monitoring.evaluation.comparison import CandidateComparison, RunComparison, compare_runs, headline
from monitoring.evaluation.results import load_results
from monitoring.evaluation.tables import comparison_rows, markdown_table, with_interval
from monitoring.exceptions import EvaluationError
from monitoring.judges.registry import JUDGES
from monitoring.judges.versions import is_proven
from monitoring.models import EvaluationRun

SHOWN_CHANGES = 20


class MissingResultsError(EvaluationError):
    """The gate cannot judge, because results are missing."""

    code = "missing_results"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the gate says of one measure."""

    measure: str
    minimum: float
    passed: bool
    reason: str
    counts: bool = True  # False: by a judge that is not proven

    @property
    def word(self) -> str:
        return ("passed" if self.passed else "failed") if self.counts else "advice only"


@dataclass(frozen=True, slots=True)
class GateReport:
    """What the gate says, and what it goes by."""

    comparison: RunComparison
    rulings: tuple[Ruling, ...]

    @property
    def passed(self) -> bool:
        return all(ruling.passed for ruling in self.rulings if ruling.counts)

    @property
    def candidate(self) -> CandidateComparison:
        return self.comparison.candidates[0]


def rule(
    baseline: EvaluationRun, candidate: EvaluationRun, minimums: Mapping[str, float], *, whole_interval: bool = False
) -> GateReport:
    """Judge a candidate. Raises MissingResultsError where results are missing, EvaluationError where the runs cannot be
    compared."""
    check_complete(baseline, candidate, list(minimums))
    names = [*minimums, *(name for name in headline(load_results(baseline).values) if name not in minimums)]
    comparison = compare_runs([baseline, candidate], measures=names, main=names[0])
    for name, reason in comparison.candidates[0].left_out.items():
        if name in minimums:
            raise MissingResultsError(f'"{name}" cannot be compared: {reason}.')
    rulings = tuple(
        replace(
            _ruling(name, minimum, comparison.candidates[0], whole_interval=whole_interval),
            counts=_may_block(name, candidate.judge_model),
        )
        for name, minimum in minimums.items()
    )
    if not any(ruling.counts for ruling in rulings):
        raise MissingResultsError(
            f"{', '.join(minimums)}: only by judges that are not proven against people, and these close no gate. Name a"
            " measure too, such as --min mrr=-0.01, or let people review until a judge is proven (Judges in the admin)."
        )
    return GateReport(comparison, rulings)


def _may_block(name: str, model: str) -> bool:
    return name not in JUDGES or is_proven(JUDGES[name], model)


def check_complete(baseline: EvaluationRun, candidate: EvaluationRun, measures: Sequence[str]) -> None:
    """Raise MissingResultsError unless both runs are finished and have scored the same items by each measure."""
    for run in (baseline, candidate):
        if run.status != EvaluationRun.Status.DONE:
            raise MissingResultsError(f"Run {run.pk} ({run.config}) is {run.get_status_display()}, not done.")
        if failed := run.items.exclude(error="").count():
            raise MissingResultsError(
                f"{failed} of {run.total_items} items of run {run.pk} ({run.config}) failed; ask them again:"
                f" manage.py evaluate --resume {run.pk}"
            )
    before, after = load_results(baseline), load_results(candidate)
    for name in measures:
        known = ", ".join(before.values)
        for results in (before, after):
            if name not in results.values:
                raise MissingResultsError(f'Run {results.run.pk} has no measure "{name}"; it has {known}.')
        scored = [{pk for pk, value in one.values[name].items() if value is not None} for one in (before, after)]
        if not any(scored):
            raise MissingResultsError(f'No item is scored by "{name}": {_first_reason(before.reasons[name])}')
        if scored[0] != scored[1]:
            raise MissingResultsError(
                f'{len(scored[0] ^ scored[1])} items are scored by "{name}" in one of the runs {baseline.pk} and'
                f" {candidate.pk} only."
            )


def markdown(report: GateReport) -> str:
    """Return the report as Markdown."""
    baseline, found = report.comparison.baseline, report.candidate
    lines = [
        f"# Gate: {'passed' if report.passed else 'failed'}",
        "",
        f"{found.run.config} against {baseline.config} on dataset {baseline.dataset} version {found.run.version}, split"
        f" {found.run.split.lower()}, k = {found.run.k}: {found.common_items} questions, runs {baseline.pk} and"
        f" {found.run.pk}.",
        "",
        markdown_table(
            [
                ["measure", "difference", "minimum", "", "why"],
                *([ruling.measure, *_figures(report, ruling), ruling.reason] for ruling in report.rulings),
            ]
        ),
        "",
        markdown_table(comparison_rows(found.measures)),
        "",
        f"## Questions lost by {found.main_measure}: {len(found.lost)}, won: {len(found.won)}",
    ]
    if found.lost:
        rows = [
            [change.question, f"{change.baseline:.3f}", f"{change.candidate:.3f}"]
            for change in found.lost[:SHOWN_CHANGES]
        ]
        lines += ["", markdown_table([["question", "baseline", "candidate"], *rows])]
    return "\n".join([*lines, ""])


def _figures(report: GateReport, ruling: Ruling) -> list[str]:
    difference = report.candidate.measures[ruling.measure].paired.difference
    return [with_interval(difference, sign="+"), f"{ruling.minimum:+g}", ruling.word]


def _ruling(name: str, minimum: float, found: CandidateComparison, *, whole_interval: bool) -> Ruling:
    difference = found.measures[name].paired.difference
    if difference.value < minimum:
        return Ruling(name, minimum, False, "the difference is below the minimum")
    if not whole_interval:
        return Ruling(name, minimum, True, "the difference is not below the minimum")
    if difference.low is None:
        return Ruling(name, minimum, False, "all items depend on one document, so there is no interval")
    if difference.low < minimum:
        return Ruling(name, minimum, False, "the interval of the difference reaches below the minimum")
    return Ruling(name, minimum, True, "the whole interval of the difference is not below the minimum")


def _first_reason(reasons: Mapping[str, int]) -> str:
    return max(reasons, key=lambda reason: reasons[reason])
