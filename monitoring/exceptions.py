"""What can go wrong in monitoring, with messages that a person can act on."""

from chat.exceptions import ChatError


class MonitoringError(ChatError):
    """Base of all errors that monitoring raises on purpose."""

    code = "monitoring"


class DatasetError(MonitoringError):
    """A dataset, a file of questions or a row of it cannot be used as asked."""

    code = "dataset"


class EvaluationError(MonitoringError):
    """An evaluation run cannot be started, resumed or compared as asked."""

    code = "evaluation"


class JudgingError(MonitoringError):
    """A rule or an order for verdicts cannot be used as asked."""

    code = "judging"


class ScoreError(MonitoringError):
    """A score that was sent cannot be one, or nobody may give it."""

    code = "score"


class ReviewError(MonitoringError):
    """An item of the review queue cannot be taken up or decided as asked."""

    code = "review"


class ReservedError(ReviewError):
    """Somebody else is at work on the item, or it needs no further review."""

    code = "reserved"


class TrafficError(MonitoringError):
    """Synthetic traffic cannot be made, checked or removed as asked."""

    code = "traffic"


class TopicError(MonitoringError):
    """Questions cannot be grouped as asked."""

    code = "topics"


class ComparisonError(MonitoringError):
    """Answers cannot be compared by people as asked."""

    code = "comparison"


class ExperimentError(MonitoringError):
    """An experiment cannot be changed, started, stopped or concluded as asked."""

    code = "experiment"


class WebhookError(MonitoringError):
    """A webhook cannot be made, changed or sent to as asked."""

    code = "webhook"


class UnreadableSecretError(WebhookError):
    """The secret of a webhook was stored under another key of the site."""

    code = "secret_unreadable"


class ExportError(MonitoringError):
    """Turns cannot be exported as asked."""

    code = "export"


class ImportTurnsError(MonitoringError):
    """A file of turns cannot be imported as asked."""

    code = "import"
