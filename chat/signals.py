"""All that chat tells the world. Sent after commit with `send_robust`: a receiver's error never reaches the user.

turn_finished    sender=Turn, turn_id: int, conversation_id: UUID, status: str, origin: str
feedback_given   sender=Feedback, turn_id: int, value: 1, -1 or None (taken back), user_id: int
"""

from django.dispatch import Signal

turn_finished = Signal()
feedback_given = Signal()
