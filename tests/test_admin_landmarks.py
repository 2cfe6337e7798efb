"""The admin's pages have the landmarks that people with a screen reader go by."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/admin/", "/admin/chat/turn/", "/admin/monitoring/webhook/add/"])
def test_page_has_one_main_part(admin_client, address):
    page = admin_client.get(address).content.decode()

    assert page.count('role="main"') + page.count("<main") == 1


def test_what_is_wrong_with_a_form_is_said_aloud(admin_client):
    page = admin_client.post("/admin/monitoring/webhook/add/", {"name": ""}).content.decode()

    assert 'role="alert"' in page
    assert "Please correct what is marked below" in page
