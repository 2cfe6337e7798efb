"""What a process takes up next: looked up for many turns at once, claimed for as many as it has hands for."""

import logging
import time
import uuid
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace

from chat.services.budgets import used_up_site_budget
from chat.services.ceiling import are_free
from monitoring.judges.base import Verdict
from monitoring.judging.claims import Claim, claim_due, release
from monitoring.judging.due import Due, find_due
from monitoring.judging.material import Material, load_material
from monitoring.judging.rules import WorkingRule
from monitoring.judging.scores import DIED, MAX_ATTEMPTS, Spoken, write_verdicts
from monitoring.judging.spending import room_for, spending_of

logger = logging.getLogger(__name__)

LOOKED_UP_AT_ONCE = 256
# What was looked up is old after so many seconds, or so many times as long as it took.
FRESH_SECONDS = 1.0
FRESH_FACTOR = 5
# After so many failures in a row a rule rests until the next slice of work.
FAILURES_IN_A_ROW = 10
# A model that has too many requests gets none for so long, twice as long each time.
RATE_LIMIT_SECONDS, RATE_LIMIT_MAX_SECONDS = 2.0, 60.0


class Taking:
    """The turns that a process takes up, in its database threads; the rules that rest for a while."""

    def __init__(self, rules: Sequence[WorkingRule], *, lease_seconds: float) -> None:
        self._rules = {working.rule.pk: working for working in rules}
        self._judges = {working.version_id: working.judge for working in rules if working.version_id is not None}
        self._lease_seconds = lease_seconds
        self._waiting: deque[Due] = deque()
        self._fresh_until = 0.0
        self._saw_part = False
        self._failures = Counter[int]()  # in a row, by rule
        self._aside: set[int] = set()
        self._under_way: set[tuple[int, int]] = set()  # turn and version
        self._pauses: dict[str, tuple[float, float]] = {}  # by model: until when, and how long
        self.token = uuid.uuid4()

    @property
    def may_have_more(self) -> bool:
        """Whether there is reason to look: something waits, or the last look did not see all, or is old."""
        return bool(self._waiting) or time.monotonic() >= self._fresh_until

    @property
    def pause_seconds(self) -> float:
        """How long until a model that had too many requests is asked again; 0: none has."""
        now = time.monotonic()
        return min((until - now for until, _ in self._pauses.values() if until > now), default=0.0)

    def rule(self, rule_id: int) -> WorkingRule:
        return self._rules[rule_id]

    def take(self, count: int) -> list[Material]:
        """Claim up to `count` turns and return what is to be judged."""
        if time.monotonic() >= self._fresh_until:
            self._look_up()
        while self._waiting:
            if self._saw_part and len(self._waiting) <= count:
                self._fresh_until = 0.0
            chosen = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
            chosen = [
                one
                for one in chosen
                if self._is_going(one.rule_id) and (one.turn_id, one.version_id) not in self._under_way
            ]
            claims = claim_due(chosen, token=self.token, lease_seconds=self._lease_seconds) if chosen else []
            if material := self._material(claims):
                self._under_way |= {(one.claim.turn_id, one.claim.version_id) for one in material}
                return material
        return []

    def finished(self, claim: Claim) -> None:
        """Say that a turn is not on its way any more. Until then this process does not take it up a second time, though
        its lease may have ended because the machine stood still."""
        self._under_way.discard((claim.turn_id, claim.version_id))

    def is_anything_due(self) -> bool:
        return bool(find_due(self._going(), limit=1))

    def note(self, rule_id: int, *, failed: bool, rate_limited: bool) -> None:
        """Remember how a verdict went: failures in a row let a rule rest, a model with too many requests gets none."""
        self._failures[rule_id] = self._failures[rule_id] + 1 if failed else 0
        if self._failures[rule_id] >= FAILURES_IN_A_ROW and rule_id not in self._aside:
            self.set_aside(rule_id, f"{FAILURES_IN_A_ROW} verdicts in a row failed")
        model = self._rules[rule_id].rule.model
        until, seconds = self._pauses.get(model, (0.0, 0.0))
        if rate_limited and time.monotonic() >= until:
            seconds = min(max(2 * seconds, RATE_LIMIT_SECONDS), RATE_LIMIT_MAX_SECONDS)
            self._pauses[model] = time.monotonic() + seconds, seconds
        elif not failed and time.monotonic() >= until:
            self._pauses.pop(model, None)

    def set_aside(self, rule_id: int, reason: str) -> None:
        """Let a rule rest for the rest of this work."""
        self._aside.add(rule_id)
        logger.warning("judging rule rests rule=%d reason=%s", rule_id, reason)

    def _look_up(self) -> None:
        begin = time.monotonic()
        self._waiting = deque(find_due(self._going(), limit=LOOKED_UP_AT_ONCE))
        self._saw_part = len(self._waiting) == LOOKED_UP_AT_ONCE
        now = time.monotonic()
        self._fresh_until = now + max(FRESH_SECONDS, FRESH_FACTOR * (now - begin))

    def _going(self) -> list[WorkingRule]:
        """Return the rules that neither rest nor have reached a cap."""
        if used_up_site_budget() is not None:
            for working in self._rules.values():
                if working.rule.pk not in self._aside and not are_free([working.rule.model]):
                    self.set_aside(working.rule.pk, "the budget for everything is used up")
        rules = [working for working in self._rules.values() if self._is_going(working.rule.pk)]
        capped = [
            working.rule
            for working in rules
            if working.rule.daily_cap_calls is not None or working.rule.daily_cap_usd is not None
        ]
        spending = spending_of([rule.pk for rule in capped]) if capped else {}
        full = {rule.pk for rule in capped if rule.pk not in spending or room_for(rule, spending[rule.pk]) == 0}
        return [working for working in rules if working.rule.pk not in full]

    def _is_going(self, rule_id: int) -> bool:
        until, _ = self._pauses.get(self._rules[rule_id].rule.model, (0.0, 0.0))
        return rule_id not in self._aside and time.monotonic() >= until

    def _material(self, claims: Sequence[Claim]) -> list[Material]:
        if not claims:
            return []
        alive = [claim for claim in claims if claim.starts <= MAX_ATTEMPTS]
        for claim in claims:
            if claim.starts > MAX_ATTEMPTS:
                self._give_up(claim)
        material = load_material(alive, self._judges)
        found = {(one.claim.turn_id, one.claim.version_id) for one in material}
        release([claim for claim in alive if (claim.turn_id, claim.version_id) not in found])
        return material

    def _give_up(self, claim: Claim) -> None:
        """Store that a turn cannot be judged: it was on its way each time that a process died."""
        judge, died = self._judges[claim.version_id], replace(claim, starts=claim.starts - 1)
        for one in load_material([died], self._judges):
            verdict = Verdict(judge.name, None, error=DIED)
            write_verdicts([Spoken(died, judge, verdict, earlier=one.earlier)])
            return
        release([died])
