"""System: the four golden signals (traffic, errors, latency, saturation) from Prometheus, and which alerts fire.

Rates of counters show what happened between two scrapes; shares and quantiles over the last hour come from the same
functions of the database as on the other boards. Metrics of the site are the same from each process that is scraped, so
they are not summed over instances; those of processes (django_*) are.
"""

from collections.abc import Mapping

from grafana_foundation_sdk.builders import statetimeline
from grafana_foundation_sdk.models.common import VisibilityMode
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    ValueMap,
    ValueMappingResult,
)

from deploy.grafana.build.board import board
from deploy.grafana.build.links import turns_of_origin
from deploy.grafana.build.panels import (
    AMOUNT,
    BAD,
    BYTES,
    COUNT,
    HIGH,
    LOW,
    NUMBER,
    RATIO,
    SECONDS,
    WARN,
    PanelBuilder,
    lines,
    stacked,
)
from deploy.grafana.build.prometheus import over_time

ALERTS_TITLE = "Which alerts fire?"
PER_SECOND, PER_MINUTE = "reqps", "opm"
OF_HOUR = 'origin="$origin", window="1h"'


def system() -> Dashboard:
    return board(
        "ragsite-system",
        "ragsite: System",
        "Traffic, errors, latency and saturation of the running site, and which alerts fire. The "
        "origin is that of questions.",
        {
            "Alerts": [_alerts(), _collectors()],
            "Traffic": [_turns(), _requests()],
            "Errors": [_error_share(), _error_codes(), _failed_calls()],
            "Latency": [_first_token(), _stages(), _pages(), _model_calls()],
            "Saturation": [_in_progress(), _connections(), _backlog(), _queue(), _worker(), _disk()],
        },
        days=1,
    )


def _alerts() -> PanelBuilder:
    return _states(
        ALERTS_TITLE,
        "The site's own rules over users' traffic; each has a runbook in the handbook. Quiet also where a rule does "
        "not know its value, such as a rate of too few votes.",
        "max by (alert) (ragsite_alert_firing)",
        "{{alert}}",
        {0: ("quiet", COUNT), 1: ("fires", BAD)},
        width=16,
    )


def _collectors() -> PanelBuilder:
    return _states(
        "Which parts of the metrics can be read?",
        "A part that fails is missing from the scrape, and the log says why.",
        "min by (collector) (ragsite_collector_up)",
        "{{collector}}",
        {0: ("fails", BAD), 1: ("read", COUNT)},
        width=8,
    )


def _turns() -> PanelBuilder:
    return stacked(
        "How many questions are asked? Finished questions a second, by outcome",
        "Of the chosen origin, as all web processes together counted them.",
        over_time('max by (outcome) (rate(ragsite_turns_total{origin="$origin"}[$__rate_interval]))', "{{outcome}}"),
        unit=PER_SECOND,
        colours={"answered": AMOUNT, "stopped": COUNT, "failed": BAD, "interrupted": WARN},
        url=turns_of_origin(),
    )


def _requests() -> PanelBuilder:
    return stacked(
        "How many pages and streams are asked for? Responses a second, by status",
        "Of all web processes that are scraped.",
        over_time(
            "sum by (status) (rate(django_http_responses_total_by_status_total[$__rate_interval]))", "{{status}}"
        ),
        unit=PER_SECOND,
    )


def _error_share() -> PanelBuilder:
    panel = lines(
        "How many questions fail? Share of the last hour's finished questions",
        "With the 95 % interval and n, the finished questions, over one hour up to each point.",
        over_time(f"max(ragsite_error_ratio{{{OF_HOUR}}})", "errors"),
        unit=RATIO,
        colours={"errors": BAD},
        url=turns_of_origin(outcome="failed"),
        has_band=True,
        width=12,
    )
    panel.with_target(over_time(f"max(ragsite_error_ratio_low{{{OF_HOUR}}})", LOW, ref_id="B"))
    panel.with_target(over_time(f"max(ragsite_error_ratio_high{{{OF_HOUR}}})", HIGH, ref_id="C"))
    return panel.with_target(over_time(f"max(ragsite_error_ratio_n{{{OF_HOUR}}})", "n: finished", ref_id="D"))


def _error_codes() -> PanelBuilder:
    return lines(
        "What goes wrong? Failed questions of the last hour, by code",
        "The code of the error as the turn has it, over one hour up to each point.",
        over_time(f"max by (code) (ragsite_turn_errors{{{OF_HOUR}}})", "{{code}}"),
        unit=NUMBER,
        url=turns_of_origin(outcome="failed"),
        width=6,
    )


def _failed_calls() -> PanelBuilder:
    return lines(
        "Do models answer? Calls a minute that failed after all tries",
        "By purpose, of the chosen origin.",
        over_time(
            "60 * sum by (purpose) (max without (instance) "
            '(rate(ragsite_llm_calls_failed_total{origin="$origin"}[$__rate_interval])))',
            "{{purpose}}",
        ),
        unit=PER_MINUTE,
        width=6,
    )


def _first_token() -> PanelBuilder:
    panel = lines(
        "How long do people wait for the first word? Seconds, last hour",
        "Half of the questions (p50), 95 of a hundred (p95) and 99 (p99) had their first word within this time, over "
        "one hour up to each point. n is the number of finished questions.",
        over_time(
            f'max by (percentile) (ragsite_latency_seconds{{{OF_HOUR}, stage="first_token"}})', "p{{percentile}}"
        ),
        unit=SECONDS,
        colours={"p50": AMOUNT, "p95": WARN, "p99": BAD},
        url=turns_of_origin(),
    )
    return panel.with_target(over_time(f"max(ragsite_error_ratio_n{{{OF_HOUR}}})", "n: finished", ref_id="B"))


def _stages() -> PanelBuilder:
    return lines(
        "Which stage takes the time? Seconds within which 95 % are done, by stage",
        "Of the questions that were finished between two points, of the chosen origin; without any it is unknown.",
        over_time(
            "histogram_quantile(0.95, max by (stage, le) "
            '(rate(ragsite_turn_stage_seconds_bucket{origin="$origin"}[$__rate_interval])))',
            "{{stage}}",
        ),
        unit=SECONDS,
    )


def _pages() -> PanelBuilder:
    return lines(
        "How fast are pages? Seconds within which 95 % of responses begin, by method",
        "Of all web processes that are scraped. Answers stream, so this does not hold their whole time.",
        over_time(
            "histogram_quantile(0.95, sum by (method, le) "
            "(rate(django_http_requests_latency_seconds_by_view_method_bucket[$__rate_interval])))",
            "{{method}}",
        ),
        unit=SECONDS,
    )


def _model_calls() -> PanelBuilder:
    return lines(
        "How long do models take? Mean seconds a call, by model",
        "With all tries, of the calls between two points, of the chosen origin.",
        over_time(
            "sum by (gen_ai_request_model) (max without (instance) "
            '(rate(gen_ai_client_operation_duration_seconds_sum{origin="$origin"}[$__rate_interval]))) / '
            "sum by (gen_ai_request_model) (max without (instance) "
            '(rate(gen_ai_client_operation_duration_seconds_count{origin="$origin"}[$__rate_interval])))',
            "{{gen_ai_request_model}}",
        ),
        unit=SECONDS,
    )


def _in_progress() -> PanelBuilder:
    return lines(
        "How many answers are on their way? Questions",
        "Pending: nobody answers yet. Streaming: the answer comes. Over all web processes and origins.",
        over_time("max by (state) (ragsite_turns_in_progress)", "{{state}}"),
        unit=NUMBER,
        colours={"pending": WARN, "streaming": AMOUNT},
        width=8,
    )


def _connections() -> PanelBuilder:
    panel = stacked(
        "How full is the database server? Connections, by state",
        "Of all processes of the site; allowed is what the server takes from everybody.",
        over_time("max by (state) (ragsite_database_connections)", "{{state}}"),
        unit=NUMBER,
        colours={"active": AMOUNT, "idle": COUNT, "idle_in_transaction": WARN},
        width=8,
    )
    return panel.with_target(over_time("max(ragsite_database_connections_max)", "allowed", ref_id="B"))


def _backlog() -> PanelBuilder:
    return lines(
        "Do judges keep up? Seconds that the oldest due verdict waits",
        "Nothing where none is due.",
        over_time("max(ragsite_judge_backlog_oldest_seconds)", "oldest waits"),
        unit=SECONDS,
        colours={"oldest waits": WARN},
        width=8,
    )


def _queue() -> PanelBuilder:
    return lines(
        "Do background tasks pile up? Tasks that wait",
        "Tasks, and verdicts that are due; both are worked off by the worker.",
        over_time("max(ragsite_task_queue_tasks)", "tasks"),
        unit=NUMBER,
        colours={"tasks": AMOUNT, "verdicts": WARN},
        width=8,
    ).with_target(over_time("max(ragsite_judge_backlog_verdicts)", "verdicts", ref_id="B"))


def _worker() -> PanelBuilder:
    return lines(
        "Does the worker live? Seconds since it was seen",
        "It shows itself every few seconds; nothing where no worker ever was.",
        over_time("max(ragsite_worker_silent_seconds)", "silent"),
        unit=SECONDS,
        colours={"silent": WARN},
        width=8,
    )


def _disk() -> PanelBuilder:
    return lines(
        "How much room is left? Bytes",
        "Free on the disk of the data folder, and the size of the database with its indexes.",
        over_time("min(ragsite_data_disk_free_bytes)", "free"),
        unit=BYTES,
        colours={"free": COUNT, "database": AMOUNT},
        width=8,
    ).with_target(over_time("max(ragsite_database_size_bytes)", "database", ref_id="B"))


def _states(
    title: str, description: str, expression: str, legend: str, states: Mapping[int, tuple[str, str]], *, width: int
) -> PanelBuilder:
    """Bands over time, one a series, coloured and named by its state."""
    mapped = {
        str(value): ValueMappingResult(text=text, color=colour, index=value) for value, (text, colour) in states.items()
    }
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .with_target(over_time(expression, legend))
        .mappings([ValueMap(options=mapped)])
        .no_value("unknown")
        .show_value(VisibilityMode.AUTO)
        .merge_values(True)
        .span(width)
        .height(10)
    )
