"""All that chat tells the world. Sent with `send_robust`: a receiver's error never reaches the user. All but one after
commit.

turn_finished    sender=Turn, turn_id: int, conversation_id: UUID, status: str, origin: str,
                 calls: tuple[LLMCall, ...] (chat.rag.config), as they are stored, with what was sent and written; none
                 where nobody has them, such as of a turn whose process died
feedback_given   sender=Feedback, turn_id: int, value: 1, -1 or None (taken back), user_id: int
feedback_stored  sender=Feedback, feedback_id: int, turn_id: int, user_id: int, is_withdrawn: bool; sent within the
                 transaction, so that what a receiver writes is there with the vote or not at all. A receiver writes
                 within a savepoint of its own and waits for nobody.
budget_warning   sender=Budget, budget_id: int, month: date (its first day), spent_usd: Decimal, limit_usd: Decimal,
                 is_used_up: bool; at most twice a month and budget: at 80 % of the limit, and when it is used up
calls_recorded   sender=LLMCall, call_ids: list[int]; calls beside an answer, such as a judge's, which may have no turn
"""

from django.dispatch import Signal

turn_finished = Signal()
feedback_given = Signal()
feedback_stored = Signal()
budget_warning = Signal()
calls_recorded = Signal()
