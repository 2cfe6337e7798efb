"""Working off an order for questions: by one process at a time, and from where the last one was.

What is due are the tasks that are not done.
"""

from django.utils import timezone

from chat.exceptions import ChatError
from monitoring.models import Generation, GenerationTask
from monitoring.sole_process import Work, sole_process
from monitoring.synthetic.by_model import ask_for_questions
from monitoring.synthetic.by_templates import make_by_templates
from monitoring.synthetic.pace import StoppedError, Working
from monitoring.synthetic.settling import settle

TaskStatus, Status = GenerationTask.Status, Generation.Status

MAX_ATTEMPTS = 3


def work_on(generation_id: int, working: Working | None = None) -> str | None:
    """Work on an order until it is done, stopped or failed, or the time is over; return its status then. None: another
    process has it, or it is done. Ctrl-C leaves it stopped, to go on with."""
    working = working or Working()
    with sole_process(Work.GENERATION, generation_id) as is_ours:
        rows = Generation.objects.filter(pk=generation_id).exclude(status=Status.DONE)
        if not is_ours or not rows.update(status=Status.RUNNING, error="", heartbeat_at=timezone.now()):
            return None
        generation = rows.select_related("dataset", "collection", "created_by").get()
        status, error = Status.FAILED.value, "The program failed; the error is in its log."
        try:
            status, error = _outcome(generation, working)
        except KeyboardInterrupt:
            status, error = Status.STOPPED.value, ""
            raise
        except SystemExit:  # the process is told to end, and the worker goes on
            status, error = Status.QUEUED.value, ""
            raise
        finally:
            finished_at = timezone.now() if status == Status.DONE else None
            rows.update(status=status, error=error, finished_at=finished_at, stop_requested_at=None)
    return status


def _outcome(generation: Generation, working: Working) -> tuple[str, str]:
    try:
        generation.tasks.filter(status=TaskStatus.FAILED, attempts__lt=MAX_ATTEMPTS).update(status=TaskStatus.WAITING)
        working.check(generation)
        if generation.model:
            ask_for_questions(generation, working)
        else:
            make_by_templates(generation, working)
        settle(generation)
    except StoppedError:
        return (Status.QUEUED if working.is_over else Status.STOPPED), ""
    except ChatError as error:
        return Status.FAILED, str(error)
    failed = generation.tasks.filter(status=TaskStatus.FAILED, attempts__lt=MAX_ATTEMPTS).order_by("-pk")
    if last := failed.first():
        return Status.FAILED, f"{failed.count()} requests failed and can be tried again, such as: {last.error}"
    return Status.DONE, ""
