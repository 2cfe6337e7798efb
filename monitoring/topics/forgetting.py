"""Topics hold no text of users but single words, and vectors while a run works. When a conversation is deleted, its
vectors go, and so do the words that no other question of the topic has."""

from django.db.models import Exists, OuterRef

from monitoring.models import Topic, TopicTurn
from monitoring.topics.wording import words_of


def forget_deleted() -> int:
    """Remove what is left of deleted conversations; return from how many topics and turns."""
    gone = TopicTurn.objects.filter(turn__conversation__deleted_at__isnull=False)
    changed = gone.filter(vector__isnull=False).update(vector=None)
    # A turn that is forgotten has no similarity any more, which says that its topic was looked at.
    left = gone.filter(topic=OuterRef("pk"), similarity__isnull=False)
    for topic in Topic.objects.filter(Exists(left)):
        asked = topic.members.filter(turn__question__gt="").values_list("turn__question", flat=True)
        remaining = {word for question in asked for word in words_of(question)}
        topic.words = [word for word in topic.words if word in remaining]
        topic.save(update_fields=["words"])
        gone.filter(topic=topic).update(similarity=None)
        changed += 1
    return changed
