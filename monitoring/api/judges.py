"""Versions of judges: how well each agrees with people."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.view import NOTHING, ApiView
from chat.models.api import Scope
from monitoring.api.figures import IntervalSerializer
from monitoring.models import JudgeVersion
from monitoring.quality.freshness import models_in_use, stale_reason
from monitoring.quality.labelled import labelled_by_version
from monitoring.quality.standing import gate_of
from monitoring.quality.verdicts import work_by_version


class WorkSerializer(serializers.Serializer[Any]):
    """What a version did on live traffic."""

    verdicts = serializers.IntegerField(help_text="Turns that were judged, with success or not.")
    failed = serializers.IntegerField()
    priced = serializers.IntegerField(help_text="Verdicts whose cost is known.")
    usd_per_1000 = serializers.FloatField(allow_null=True)
    median_seconds = serializers.FloatField(allow_null=True)


class JudgeVersionSerializer(serializers.ModelSerializer[JudgeVersion]):
    """A judge exactly as it judges, with its agreement with reviewers: Cohen's kappa with its interval."""

    labels = serializers.IntegerField(source="gate.labels", help_text="Turns with its verdict and a reviewer's label.")
    kappa = IntervalSerializer(source="gate.kappa.interval", allow_null=True)
    reason = serializers.CharField(source="gate.reason", help_text="Why it stands so, in words.")
    stale = serializers.CharField(help_text="What of the judge has changed since. Empty: it judges so today.")
    work = WorkSerializer()

    class Meta:
        model = JudgeVersion
        fields = [
            "id",
            "judge",
            "criterion",
            "version",
            "family",
            "model",
            "prompt_name",
            "standing",
            "standing_checked_at",
            "labels",
            "kappa",
            "reason",
            "stale",
            "work",
            "created_at",
        ]


class JudgeVersionListSerializer(serializers.Serializer[Any]):
    """All versions, the newest first."""

    results = JudgeVersionSerializer(many=True)


class JudgeVersions(ApiView):
    """Versions of judges."""

    access = {"GET": Access(Scope.READ, "monitoring.view_judgeversion")}
    parameters = NOTHING

    @extend_schema(operation_id="list_judge_versions", responses=JudgeVersionListSerializer)
    def get(self, request: Request) -> Response:
        """List all versions of judges with their agreement with reviewers."""
        return Response(
            JudgeVersionListSerializer({"results": _known(list(JudgeVersion.objects.order_by("-pk")))}).data
        )


class OneJudgeVersion(ApiView):
    """A version of a judge."""

    access = {"GET": Access(Scope.READ, "monitoring.view_judgeversion")}
    has_etag = True

    @extend_schema(operation_id="get_judge_version", responses=JudgeVersionSerializer)
    def get(self, request: Request, version_id: int) -> HttpResponseBase:
        """Return a version of a judge with its agreement with reviewers."""
        [version] = _known([get_object_or_404(JudgeVersion, pk=version_id)])
        return tagged(request, JudgeVersionSerializer(version).data)


def _known(versions: list[Any]) -> list[Any]:
    """Return versions with what is known of each. Four queries, however many there are."""
    labelled, work, models = labelled_by_version(versions), work_by_version(versions), models_in_use()
    for version in versions:
        version.gate = gate_of(version, labelled[version.pk])
        version.work = work[version.pk]
        version.stale = stale_reason(version, models)
    return versions
