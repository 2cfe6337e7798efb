"""Judge rules: which turns a judge looks at, how many of them, and what it may spend."""

from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.history import note_addition, note_change, note_deletion
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.view import NOTHING, ApiView, checked
from chat.models import Collection, PipelineConfig
from chat.models.api import Scope
from monitoring.judges.registry import JUDGES
from monitoring.judging.figures import figures_of
from monitoring.judging.rule_changes import delete_rule, save_rule
from monitoring.judging.rules import problem_of
from monitoring.models import JudgeRule

VIEW = Access(Scope.READ, "monitoring.view_judgerule")
ADD, CHANGE, DELETE = (Access(Scope.ADMIN, f"monitoring.{verb}_judgerule") for verb in ("add", "change", "delete"))


class RuleCountsSerializer(serializers.Serializer[Any]):
    """Turns of the last 24 hours by a rule."""

    matching = serializers.IntegerField()
    sampled = serializers.IntegerField(help_text="Of those that match, these are to be judged.")
    judged = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Without a verdict.")


class RuleSpendingSerializer(serializers.Serializer[Any]):
    """What a rule spent today (UTC)."""

    calls = serializers.IntegerField()
    cost_usd = serializers.DecimalField(14, 8, help_text="Of the verdicts whose cost is known.")
    unpriced = serializers.IntegerField(help_text="Verdicts whose cost is not known.")


class JudgeRuleSerializer(serializers.ModelSerializer[JudgeRule]):
    """A rule: which turns a judge looks at, how many of them, and what it may spend."""

    collection = serializers.IntegerField(source="collection_id", allow_null=True, help_text="Empty: all.")
    config = serializers.IntegerField(source="config_id", allow_null=True, help_text="Empty: all.")
    problem = serializers.CharField(source="figures.problem", help_text="Why it cannot judge. Empty: it can.")
    last_day = RuleCountsSerializer(source="figures.counts", allow_null=True)
    today = RuleSpendingSerializer(source="figures.spending")

    class Meta:
        model = JudgeRule
        fields = [
            "id",
            "name",
            "judge",
            "model",
            "sampling_rate",
            "origin",
            "collection",
            "config",
            "daily_cap_calls",
            "daily_cap_usd",
            "is_active",
            "since",
            "problem",
            "last_day",
            "today",
        ]


class JudgeRuleListSerializer(serializers.Serializer[Any]):
    """All rules: there are few."""

    results = JudgeRuleSerializer(many=True)


class NewJudgeRuleSerializer(serializers.ModelSerializer[JudgeRule]):
    """A rule as it is sent."""

    judge = serializers.CharField(max_length=60, help_text='Such as "groundedness_offline"; docs/judges.md lists them.')
    collection = serializers.PrimaryKeyRelatedField(
        required=False, allow_null=True, queryset=Collection.objects.all(), help_text="Empty: all."
    )
    config = serializers.PrimaryKeyRelatedField(
        required=False, allow_null=True, queryset=PipelineConfig.objects.all(), help_text="Empty: all."
    )

    class Meta:
        model = JudgeRule
        fields = [
            "name",
            "judge",
            "model",
            "sampling_rate",
            "origin",
            "collection",
            "config",
            "daily_cap_calls",
            "daily_cap_usd",
            "is_active",
        ]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        judge, model = (attrs.get(name, getattr(self.instance, name, "")) for name in ("judge", "model"))
        # One that cannot judge as it is may still be renamed or switched off.
        if ({"judge", "model"} & set(attrs)) and (problem := problem_of(judge=judge, model=model)):
            raise ValidationError({"model" if judge in JUDGES else "judge": problem})
        return attrs


class JudgeRules(ApiView):
    """Rules of judges."""

    access = {"GET": VIEW, "POST": ADD}
    parameters = NOTHING
    no_key = ""

    @extend_schema(operation_id="list_judge_rules", responses=JudgeRuleListSerializer)
    def get(self, request: Request) -> Response:
        """List all rules, with what they judged in the last 24 hours and spent today."""
        rules = _with_figures(list(JudgeRule.objects.order_by("judge", "name")))
        return Response(JudgeRuleListSerializer({"results": rules}).data)

    @extend_schema(
        operation_id="make_judge_rule",
        request=NewJudgeRuleSerializer,
        responses={201: JudgeRuleSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Let a judge look at what finishes from now on."""
        return once(request, partial(_make, request), _shown)


class OneJudgeRule(ApiView):
    """A rule of a judge."""

    access = {"GET": VIEW, "PATCH": CHANGE, "DELETE": DELETE}
    has_etag = True

    @extend_schema(operation_id="get_judge_rule", responses=JudgeRuleSerializer)
    def get(self, request: Request, rule_id: int) -> HttpResponseBase:
        """Return a rule, with what it judged in the last 24 hours and spent today."""
        return tagged(request, _shown(rule_id))

    @extend_schema(operation_id="change_judge_rule", request=NewJudgeRuleSerializer, responses=JudgeRuleSerializer)
    def patch(self, request: Request, rule_id: int) -> Response:
        """Change some of a rule, or switch it on or off by `is_active`. With another judge, model, origin, collection
        or config, and switched on again, it looks at what finishes from then on: `since` says so."""
        with transaction.atomic():
            rule = get_object_or_404(JudgeRule.objects.select_for_update(of=("self",)), pk=rule_id)
            sent = checked(NewJudgeRuleSerializer, request.data, instance=rule, partial=True)
            changed = [name for name, value in sent.items() if getattr(rule, name) != value]
            for name in changed:
                setattr(rule, name, sent[name])
            if changed:
                save_rule(rule=rule, changed=changed)
                note_change(request, rule, f"Changed {', '.join(changed)}.")
        return Response(_shown(rule_id))

    @extend_schema(operation_id="delete_judge_rule", responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, rule_id: int) -> Response:
        """Delete a rule. Verdicts that it brought stay."""
        with transaction.atomic():
            rule = get_object_or_404(JudgeRule, pk=rule_id)
            note_deletion(request, rule)
            delete_rule(rule=rule)
        return Response(status=204)


def _make(request: Request) -> Done:
    values = checked(NewJudgeRuleSerializer, request.data)
    try:
        with transaction.atomic():
            rule = save_rule(rule=JudgeRule(**values), changed=())
            note_addition(request, rule)
    except IntegrityError:  # somebody took the name meanwhile: say so, as to who comes later
        checked(NewJudgeRuleSerializer, request.data)
        raise
    return Done(rule.pk)


def _shown(rule_id: int) -> Any:
    [rule] = _with_figures([get_object_or_404(JudgeRule, pk=rule_id)])
    return JudgeRuleSerializer(rule).data


def _with_figures(rules: list[Any]) -> list[Any]:
    """Return rules with what they did, as an attribute more."""
    figures = figures_of(rules)
    for rule in rules:
        rule.figures = figures[rule.pk]
    return rules
