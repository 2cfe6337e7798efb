"""The admin's pages: who may open which, what they show, and at what cost in queries."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from chat.models import Turn
from tests.admin_pages import list_of, member, page_of, recorded_turn
from tests.factories import make_chunk, make_config, make_document, make_embedding, make_feedback, make_turn, make_user

pytestmark = pytest.mark.django_db

READ = ["conversation", "turn", "feedback", "collection", "document"]

MANAGE = ["embedder", "pipelineconfig", "modelprice"]


@pytest.fixture
def reviewer():
    return member("reviewer")


@pytest.fixture
def operator():
    return member("operator")


@pytest.mark.parametrize("model", READ + MANAGE)
def test_operator_opens_lists_of_chat(client, operator, model):
    client.force_login(operator)

    assert client.get(list_of(model)).status_code == 200


@pytest.mark.parametrize("model", READ)
def test_reviewer_reads(client, reviewer, model):
    client.force_login(reviewer)

    assert client.get(list_of(model)).status_code == 200


@pytest.mark.parametrize("model", MANAGE)
def test_reviewer_is_kept_from_configuration(client, reviewer, model):
    client.force_login(reviewer)

    assert client.get(list_of(model)).status_code == 403


@pytest.mark.parametrize("model", ["document", "collection", "pipelineconfig", "modelprice"])
def test_only_operators_add(client, reviewer, operator, model):
    url = reverse(f"admin:chat_{model}_add")

    client.force_login(operator)
    assert client.get(url).status_code == 200
    client.force_login(reviewer)
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("model", ["conversation", "turn", "feedback", "embedder"])
def test_nobody_adds_records(client, staff, model):
    client.force_login(staff)

    assert client.get(reverse(f"admin:chat_{model}_add")).status_code == 403


@pytest.mark.parametrize("model", READ + MANAGE)
def test_others_are_sent_to_sign_in(client, alice, model):
    client.force_login(alice)
    assert client.get(list_of(model)).status_code == 302

    client.logout()
    assert client.get(list_of(model)).status_code == 302


def test_members_without_staff_status_are_sent_to_sign_in(client, operator):
    operator.is_staff = False
    operator.save(update_fields=["is_staff"])
    client.force_login(operator)

    assert client.get(list_of("turn")).status_code == 302


@pytest.mark.parametrize("model", ["user", "group"])
def test_only_superusers_manage_people(client, staff, operator, model):
    client.force_login(operator)
    assert client.get(list_of(model, "auth")).status_code == 403

    client.force_login(staff)
    assert client.get(list_of(model, "auth")).status_code == 200
    assert client.get(reverse(f"admin:auth_{model}_add")).status_code == 200


@pytest.mark.parametrize("model", ["ormq", "failure", "success", "schedule"])
def test_superuser_sees_background_tasks(client, staff, model):
    client.force_login(staff)

    assert client.get(list_of(model, "django_q")).status_code == 200


@pytest.mark.parametrize("user", ["staff", "reviewer", "operator"])
def test_records_open_and_have_no_save_button(client, request, user):
    turn = recorded_turn()
    client.force_login(request.getfixturevalue(user))

    for row in (turn.conversation, turn, turn.feedback.get()):
        response = client.get(page_of(row))
        assert response.status_code == 200
        assert b'name="_save"' not in response.content


def test_posting_to_a_record_changes_nothing(client, staff):
    turn = recorded_turn()
    client.force_login(staff)

    assert client.post(page_of(turn), {"answer": "Forged."}).status_code == 403
    assert Turn.objects.get().answer == turn.answer


def test_superuser_reads_user_and_group(client, staff):
    client.force_login(staff)

    assert client.get(page_of(staff)).status_code == 200
    assert client.get(page_of(Group.objects.get(name="reviewer"))).status_code == 200


def test_page_of_a_user_says_what_groups_may_do_with_evaluations(client, staff, reviewer, operator):
    client.force_login(staff)

    page = " ".join(client.get(page_of(operator)).content.decode().split())

    assert "datasets, evaluation runs and scores, and reviews answers. operator: reads that, manages documents" in page
    assert "datasets and judge rules, and starts, cancels and resumes evaluation runs." in page
    assert reviewer.has_perm("monitoring.add_review") and not operator.has_perm("monitoring.add_review")
    assert operator.has_perm("monitoring.change_judgerule") and not reviewer.has_perm("monitoring.change_judgerule")
    assert reviewer.has_perms(["monitoring.view_dataset", "monitoring.view_evaluationrun"])
    assert not reviewer.has_perm("monitoring.change_dataset") and not reviewer.has_perm("monitoring.add_evaluationrun")
    verbs = ["add_dataset", "change_dataset", "add_evaluationrun", "change_evaluationrun", "view_evaluationrun"]
    assert operator.has_perms([f"monitoring.{verb}" for verb in verbs])


def test_embedder_list_shows_coverage(client, staff):
    make_embedding(chunk=make_chunk())
    make_chunk()
    client.force_login(staff)

    assert "1 of 2 chunks" in client.get(list_of("embedder")).content.decode()


def test_wider_policy_is_sent_below_the_admin_only(client, staff):
    client.force_login(staff)

    admin_policy = client.get(reverse("admin:index")).headers["Content-Security-Policy"]
    site_policy = client.get(reverse("account_login")).headers["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval' 'unsafe-inline'" in admin_policy
    assert "unsafe" not in site_policy


def test_admin_loads_nothing_from_elsewhere(client, staff):
    turn = recorded_turn()
    client.force_login(staff)

    for url in (reverse("admin:index"), page_of(turn.conversation), list_of("document"), page_of(make_config())):
        html = client.get(url).content.decode()
        assert 'src="http' not in html
        assert '<link href="http' not in html


def test_first_page_has_the_knowledge_base_of_who_may_see_it(client, staff, reviewer):
    make_document(status="FAILED")

    for user in (staff, reviewer):
        client.force_login(user)
        context = client.get(reverse("admin:index")).context
        assert {card.name: card.number for card in context["knowledge_cards"]} == {
            "Collections": 1, "Documents": 0, "Waiting or in work": 0, "Failed": 1,
        }  # fmt: skip
        for card in context["knowledge_cards"]:
            assert client.get(card.url).status_code == 200


def test_first_page_counts_what_somebody_may_see_who_may_not_see_turns(client):
    make_feedback(turn=make_turn(), value=-1)
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_conversation", "view_feedback"]))
    client.force_login(user)

    context = client.get(reverse("admin:index")).context

    counts = {card.name: card.number for card in context["recent_cards"]}
    assert counts == {"Conversations": 1, "Thumbs up": 0, "Thumbs down": 1}
    for card in context["recent_cards"]:
        assert client.get(card.url).status_code == 200


def test_days_are_filtered_by_the_sites_clock(client, staff):
    turn = make_turn()
    day = f"{turn.created_at:%Y-%m-%d}"
    client.force_login(staff)

    url = list_of("conversation")
    found = client.get(f"{url}?created_at_from={day}&created_at_to={day}").context["cl"].result_list
    assert [row.pk for row in found] == [turn.conversation_id]
    assert not client.get(f"{url}?created_at_to=2020-01-01").context["cl"].result_list
