"""Experiments: listing them, drawing up drafts, and starting, stopping and concluding them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Prefetch
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.view import ApiView, asked, checked
from chat.models.api import Scope
from chat.models.conversation import Origin
from monitoring.api.experiment_shapes import DraftSerializer, ExperimentSerializer, as_sent, draft_of
from monitoring.exceptions import ExperimentError
from monitoring.experiments import lifecycle
from monitoring.models import Experiment, Variant
from monitoring.models.experiments import ExperimentQuerySet

VIEW = Access(Scope.READ, "monitoring.view_experiment")
ADD = Access(Scope.ADMIN, "monitoring.add_experiment")
CHANGE = Access(Scope.ADMIN, "monitoring.change_experiment")
DELETE = Access(Scope.ADMIN, "monitoring.delete_experiment")
RUN = Access(Scope.ADMIN, "monitoring.run_experiment")
DEFAULTS = "chat.change_pipelineconfig"


class ExperimentsQuery(serializers.Serializer[Any]):
    """Which experiments."""

    status = serializers.ChoiceField(Experiment.Status.choices, required=False)
    origin = serializers.ChoiceField(Origin.choices, required=False)


class StopSerializer(serializers.Serializer[Any]):
    """Why it is stopped."""

    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=1000)


class ConclusionSerializer(serializers.Serializer[Any]):
    """What was learned, and from which variant."""

    text = serializers.CharField(max_length=10_000)
    winner = serializers.IntegerField(required=False, allow_null=True, default=None, help_text="Empty: no variant.")
    make_default = serializers.BooleanField(
        required=False, default=False, help_text="Let the winner's config answer from now on."
    )


class Experiments(ApiView):
    """Experiments."""

    access = {"GET": VIEW, "POST": ADD}
    no_key = ""

    @extend_schema(
        operation_id="list_experiments", parameters=[ExperimentsQuery], responses=ExperimentSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """List experiments, the newest first."""
        rows = _whole(Experiment.objects.filter(**asked(request, ExperimentsQuery)))
        return self.page(request, rows, ExperimentSerializer, ordering="-pk")

    @extend_schema(
        operation_id="make_experiment",
        request=DraftSerializer,
        responses={201: ExperimentSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Draw up an experiment on questions of users. It is a draft: nobody gets it before it is started."""
        return once(request, partial(_make, request), _shown)


class OneExperiment(ApiView):
    """An experiment."""

    access = {"GET": VIEW, "PATCH": CHANGE, "DELETE": DELETE}
    has_etag = True

    @extend_schema(operation_id="get_experiment", responses=ExperimentSerializer)
    def get(self, request: Request, experiment_id: int) -> HttpResponseBase:
        """Return an experiment."""
        return tagged(request, _shown(experiment_id))

    @extend_schema(operation_id="change_experiment", request=DraftSerializer, responses=ExperimentSerializer)
    def patch(self, request: Request, experiment_id: int) -> Response:
        """Change some of a draft; a list that is sent takes the place of the whole list. What was started does not
        change: copy it."""
        experiment = _of_people(experiment_id)
        if experiment.is_fixed:
            raise ExperimentError(lifecycle.FIXED)
        # Whole, with what is stored: in part, things within a list might lack what they need.
        whole = {**as_sent(experiment), **request.data} if isinstance(request.data, Mapping) else request.data
        draft = draft_of(experiment, checked(DraftSerializer, whole, instance=experiment))
        lifecycle.save_draft(**draft, by=request.user)
        return Response(_shown(experiment_id))

    @extend_schema(operation_id="delete_experiment", responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, experiment_id: int) -> Response:
        """Remove a draft. What was started stays on record."""
        lifecycle.delete_draft(experiment=_of_people(experiment_id))
        return Response(status=204)


class Copying(ApiView):
    """An experiment that is to be drawn up again."""

    access = {"POST": ADD}
    takes_no_body = True
    no_key = ""

    @extend_schema(
        operation_id="copy_experiment",
        request=None,
        responses={201: ExperimentSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, experiment_id: int) -> Response:
        """Make a draft like an experiment, under another name; it divides users anew."""
        return once(request, partial(_copy, request, _of_people(experiment_id)), _shown)


class Starting(ApiView):
    """A draft that is to divide traffic."""

    access = {"POST": RUN}
    takes_no_body = True

    @extend_schema(operation_id="start_experiment", request=None, responses=ExperimentSerializer)
    def post(self, request: Request, experiment_id: int) -> Response:
        """Start a draft; what was started does not change."""
        lifecycle.start(experiment=_of_people(experiment_id), by=request.user)
        return Response(_shown(experiment_id))


class Stopping(ApiView):
    """An experiment that is to end."""

    access = {"POST": RUN}

    @extend_schema(operation_id="stop_experiment", request=StopSerializer, responses=ExperimentSerializer)
    def post(self, request: Request, experiment_id: int) -> Response:
        """Stop an experiment: everybody gets the default config again, and what is known stays."""
        reason = checked(StopSerializer, request.data)["reason"]
        lifecycle.stop(experiment=_of_people(experiment_id), by=request.user, reason=reason)
        return Response(_shown(experiment_id))


class Concluding(ApiView):
    """What an experiment has taught."""

    access = {"POST": RUN}

    @extend_schema(operation_id="conclude_experiment", request=ConclusionSerializer, responses=ExperimentSerializer)
    def post(self, request: Request, experiment_id: int) -> Response:
        """Write down what was learned, for good; one that runs is stopped by it. Making the winner the default needs
        the permission `chat.change_pipelineconfig` too."""
        experiment, said = _of_people(experiment_id), checked(ConclusionSerializer, request.data)
        winner = experiment.variants.filter(pk=said["winner"]).first() if said["winner"] is not None else None
        if said["winner"] is not None and winner is None:
            raise ValidationError({"winner": f"{said['winner']} is no variant of this experiment."})
        if said["make_default"] and winner is None:
            raise ValidationError({"make_default": "There is no winner that could become the default."})
        user: Any = request.user  # signed in: permissions are looked at before
        if said["make_default"] and not user.has_perm(DEFAULTS):
            raise PermissionDenied(f'You lack the permission "{DEFAULTS}".', code="permission_missing")
        with transaction.atomic():
            lifecycle.conclude(experiment=experiment, winner=winner, text=said["text"], by=user)
            if said["make_default"]:
                lifecycle.make_winner_default(experiment=experiment, by=user)
        return Response(_shown(experiment_id))


def _whole(rows: ExperimentQuerySet) -> ExperimentQuerySet:
    """Return experiments with what is shown of them."""
    variants = Prefetch("variants", Variant.objects.select_related("config"))
    return rows.prefetch_related(variants, "guardrails", "collections", "groups")


def _make(request: Request) -> Done:
    draft = draft_of(Experiment(), checked(DraftSerializer, request.data))
    try:
        saved = lifecycle.save_draft(**draft, by=request.user)
    except IntegrityError:  # somebody took the name meanwhile: say so, as to who comes later
        checked(DraftSerializer, request.data)
        raise
    return Done(saved.pk)


def _copy(request: Request, experiment: Experiment) -> Done:
    return Done(lifecycle.copy_as_draft(experiment=experiment, by=request.user).pk)


def _of_people(experiment_id: int) -> Experiment:
    """Return an experiment on people; that of demo data goes with the demo data, and its configs must answer nobody."""
    return get_object_or_404(Experiment.objects.of_people(), pk=experiment_id)


def _shown(experiment_id: int) -> Any:
    return ExperimentSerializer(get_object_or_404(_whole(Experiment.objects.all()), pk=experiment_id)).data
