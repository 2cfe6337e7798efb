"""What judges and reviewers wrote about a conversation is forgotten when its user deletes it: labels, values and costs
stay, as numbers do. An item of a dataset that was made of one of its turns stays: datasets keep what they tested."""

from django.db.models import Q

from monitoring.models import CorrectedAnswer, Review, Score


def forget_deleted() -> int:
    """Remove the words about deleted conversations; return from how many verdicts, reviews and corrected answers."""
    quoting = Score.objects.filter(~Q(explanation="") | ~Q(details={}), turn__conversation__deleted_at__isnull=False)
    noted = Review.objects.filter(~Q(note=""), item__conversation__deleted_at__isnull=False)
    corrected = CorrectedAnswer.objects.filter(~Q(text=""), turn__conversation__deleted_at__isnull=False)
    return quoting.update(explanation="", details={}) + noted.update(note="") + corrected.update(text="")
