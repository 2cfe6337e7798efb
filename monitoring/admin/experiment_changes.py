"""What people do with an experiment: start, stop and conclude it, make the winner the default, copy it, and look at a
variant themselves. All is in the admin's history."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from monitoring.exceptions import ExperimentError
from monitoring.experiments import lifecycle
from monitoring.models import Experiment, Variant

MAY_RUN = "monitoring.run_experiment"


class ConcludeForm(forms.Form):
    """What was learned, and from which variant."""

    text = forms.CharField(max_length=10_000)
    winner = forms.IntegerField(required=False)
    make_default = forms.BooleanField(required=False)


@permission_required(MAY_RUN, raise_exception=True)
@require_POST
def start_view(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Start a draft."""
    experiment = _find(experiment_id)
    done = f"“{experiment}” divides traffic from now on."
    return _do(request, experiment, done, lambda: lifecycle.start(experiment=experiment, by=request.user))


@permission_required(MAY_RUN, raise_exception=True)
@require_POST
def stop_view(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Stop an experiment, with a reason."""
    experiment = _find(experiment_id)
    reason = request.POST.get("reason", "")[:1000]
    done = "Stopped: everybody gets the default config. Write down what was learned when you know it."
    return _do(request, experiment, done, lambda: lifecycle.stop(experiment=experiment, by=request.user, reason=reason))


@permission_required(MAY_RUN, raise_exception=True)
@require_POST
def conclude_view(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Write down what was learned, and on demand let the winner answer from now on."""
    experiment, form = _find(experiment_id), ConcludeForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Not concluded: write what was learned, in a sentence or more.")
        return HttpResponseRedirect(experiment.get_absolute_url())
    wanted = form.cleaned_data["winner"]
    winner = get_object_or_404(Variant, pk=wanted, experiment=experiment) if wanted else None
    makes_default = form.cleaned_data["make_default"] and winner is not None
    if makes_default and not request.user.has_perm("chat.change_pipelineconfig"):
        messages.error(request, "Not concluded: you may not change which config is the default.")
        return HttpResponseRedirect(experiment.get_absolute_url())

    def conclude() -> None:
        lifecycle.conclude(experiment=experiment, winner=winner, text=form.cleaned_data["text"], by=request.user)
        if makes_default:
            lifecycle.make_winner_default(experiment=experiment, by=request.user)

    done = f"Concluded. {winner.config if winner else ''} answers from now on." if makes_default else "Concluded."
    return _do(request, experiment, done, conclude)


@permission_required([MAY_RUN, "chat.change_pipelineconfig"], raise_exception=True)
@require_POST
def make_default_view(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Let the winner's config answer from now on."""
    experiment = _find(experiment_id)
    done = "The winner answers from now on."
    return _do(
        request,
        experiment,
        done,
        lambda: lifecycle.make_winner_default(experiment=experiment, by=request.user),
    )


@permission_required("monitoring.add_experiment", raise_exception=True)
@require_POST
def copy_view(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Make a draft like this experiment, and go on to change it."""
    try:
        copy = lifecycle.copy_as_draft(experiment=_find(experiment_id), by=request.user)
    except ExperimentError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:monitoring_experiment_change", args=[experiment_id]))
    messages.success(request, "This is a copy. Nobody gets it before it is started.")
    return HttpResponseRedirect(reverse("admin:monitoring_experiment_edit", args=[copy.pk]))


@permission_required("monitoring.delete_experiment", raise_exception=True)
@require_POST
def remove_view(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Remove a draft."""
    experiment = _find(experiment_id)
    try:
        lifecycle.delete_draft(experiment=experiment)
    except ExperimentError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(experiment.get_absolute_url())
    messages.success(request, f"The draft “{experiment}” is gone.")
    return HttpResponseRedirect(reverse("admin:monitoring_experiment_changelist"))


@permission_required(MAY_RUN, raise_exception=True)
@require_POST
def pin_view(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Give oneself a variant, to look at it in the chat; without one, take the pin away."""
    experiment = _find(experiment_id)
    wanted = request.POST.get("variant", "")
    if not wanted:
        done = "You get what everybody gets."
        return _do(
            request,
            experiment,
            done,
            lambda: lifecycle.unpin(experiment=experiment, user=request.user, by=request.user),
        )
    number = int(wanted) if wanted.isdecimal() else 0
    variant = get_object_or_404(Variant, pk=number, experiment=experiment)

    def pin() -> Any:
        return lifecycle.pin(experiment=experiment, user=request.user, variant=variant, by=request.user)

    return _do(request, experiment, f"You get “{variant.name}” in the chat. Your turns do not count.", pin)


def _find(experiment_id: int) -> Experiment:
    """Return an experiment on people; that of demo data goes with the demo data, and its configs must answer nobody."""
    return get_object_or_404(Experiment.objects.of_people(), pk=experiment_id)


def _do(request: HttpRequest, experiment: Experiment, done: str, act: Callable[[], Any]) -> HttpResponse:
    """Do it and say so, or say why not; then show the experiment."""
    try:
        act()
    except ExperimentError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return HttpResponseRedirect(experiment.get_absolute_url())
