"""The admin's lists and pages, and members of its groups."""

from django.contrib.auth.models import Group
from django.urls import reverse

from chat.models import Turn
from tests.factories import make_call, make_feedback, make_hit, make_turn, make_user


def member(group: str):
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def list_of(model: str, app: str = "chat") -> str:
    return reverse(f"admin:{app}_{model}_changelist")


def page_of(row) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def recorded_turn(**overrides) -> Turn:
    turn = make_turn(**overrides)
    make_hit(turn=turn, is_cited=True)
    make_hit(turn=turn, chunk=None, similarity=None, vector_rank=None)
    make_call(turn=turn)
    make_feedback(turn=turn, value=-1, reasons=["INACCURATE"], comment="Not what it says.")
    return turn
