"""What monitoring tells of itself. Sent after commit with `send_robust`: a receiver's error never reaches the caller.

scores_written   sender=Score, score_ids: list[int]; calls: by a score's id, those of the model that judged
                 (chat.rag.config.LLMCall), where there are any
"""

from django.dispatch import Signal

scores_written = Signal()
