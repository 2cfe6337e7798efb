"""Writing judge rules: from when on a rule looks at turns follows from what was changed of it."""

from collections.abc import Collection

from django.utils import timezone

from monitoring.models import JudgeRule

# With another of these, what was judged before says nothing of what is due.
ANEW = frozenset({"judge", "model", "origin", "collection", "config"})


def save_rule(*, rule: JudgeRule, changed: Collection[str]) -> JudgeRule:
    """Store a rule of which these fields were changed. A new one, one that looks at others than before, and one that is
    switched on looks at what finishes from now on."""
    switched_on = "is_active" in changed and rule.is_active
    if rule.pk is None or switched_on or ANEW & set(changed):
        rule.since = timezone.now()
    rule.save()
    return rule


def delete_rule(*, rule: JudgeRule) -> None:
    """Delete a rule with its orders for old traffic. Verdicts that it brought stay."""
    rule.delete()
