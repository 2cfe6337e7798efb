"""What a run may ask when the budget for everything is used up: what costs nothing."""

from chat.exceptions import BudgetUsedUpError
from chat.services.budgets import check_site_budget
from chat.services.ceiling import models_of
from monitoring.exceptions import EvaluationError
from monitoring.models import EvaluationRun


def check_budget(run: EvaluationRun) -> None:
    """Raise EvaluationError when a run would ask models that cost something and nothing is left. Reads `config` and its
    `embedder`; no query without budgets, else one."""
    recipe = run.config.recipe()
    is_search = run.kind == EvaluationRun.Kind.RETRIEVAL and recipe.is_plain_search
    models = [recipe.embedder] if is_search else [*models_of(recipe), run.judge_model]
    try:
        check_site_budget(models)
    except BudgetUsedUpError as error:
        raise EvaluationError(f"{error} What is finished stays, and the run can be resumed later.") from error
