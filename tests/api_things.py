"""One of each thing that the API has addresses for."""

from typing import Any

from chat.models import Turn
from chat.services.tokens import make_token
from monitoring.models import Export, Score, Webhook, WebhookDelivery
from tests.experimented import make_draft
from tests.factories import make_config, make_conversation, make_document, make_feedback, make_item, make_run, make_turn
from tests.judged import make_rule
from tests.review_rows import make_review_item, make_version

# Of an item of a dataset and one of reviews: addresses of both name it the same. No row that a test adds gets it.
ITEM_ID = 9_000_001


def make_things(user: Any) -> dict[str, Any]:
    """Make one of each; return their ids. The conversation, the turns, the token and the score are the user's."""
    conversation = make_conversation(user=user)
    turn = make_turn(conversation=conversation)
    make_feedback(turn=turn, user=user)
    document = make_document()
    review = make_review_item(turn, id=ITEM_ID)
    item = make_item([document], id=ITEM_ID)
    hook = Webhook.objects.create(name="Chat", url="https://hooks.example.com/x", events=["flag.raised"], secret="")
    score = {"name": "tone", "value": 0.5, "source": Score.Source.API, "author": user, "annotator_kind": "CODE"}
    delivery = {"event": "flag.raised", "event_id": "1", "payload": {}, "status": WebhookDelivery.Status.FAILED}
    return {
        "token": make_token(user=user, name="a program", scopes=["read"])[0].pk,
        "collection": document.collection_id,
        "document": document.pk,
        "conversation": conversation.pk,
        "turn": turn.pk,
        "waiting": make_turn(conversation=make_conversation(user=user), status=Turn.Status.PENDING).pk,
        "config": make_config().pk,
        "score": Score.objects.create(turn=turn, **score).pk,
        "review": review.pk,
        "dataset": item.dataset_id,
        "item": item.pk,
        "run": make_run().pk,
        "experiment": make_draft().pk,
        "rule": make_rule().pk,
        "version": make_version().pk,
        "export": Export.objects.create().pk,
        "webhook": hook.pk,
        "delivery": WebhookDelivery.objects.create(webhook=hook, **delivery).pk,
    }
