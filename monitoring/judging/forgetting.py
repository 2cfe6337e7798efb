"""What judges quoted is forgotten when a user deletes a conversation: labels, values and costs stay, as numbers do."""

from django.db.models import Q

from monitoring.models import Score


def forget_deleted() -> int:
    """Remove the words of verdicts on deleted conversations; return of how many."""
    quoting = Score.objects.filter(~Q(explanation="") | ~Q(details={}), turn__conversation__deleted_at__isnull=False)
    return quoting.update(explanation="", details={})
