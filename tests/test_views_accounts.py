"""Signing in, signing up and what is said when it fails, in the site's own design."""

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cache_in_memory(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


def test_the_way_in(client, alice):
    data = {"login": "alice", "password": "alice-password-1"}

    response = client.post(reverse("account_login"), data, follow=True)

    assert response.redirect_chain[-1][0] == reverse("chat:home")
    assert "Successfully signed in" not in response.content.decode()


def test_a_wrong_password_is_said_in_words(client, alice):
    html = client.post(reverse("account_login"), {"login": "alice", "password": "wrong"}).content.decode()

    assert 'role="alert"' in html
    assert "not correct" in html
    assert 'value="alice"' in html


def test_sign_up_makes_an_account_and_signs_in(client, django_user_model):
    data = {"username": "ann", "password1": "a-long-pass-42", "password2": "a-long-pass-42"}

    response = client.post(reverse("account_signup"), data)

    assert response.headers["Location"] == reverse("chat:home")
    assert django_user_model.objects.filter(username="ann").exists()


def test_sign_up_can_be_closed(client, settings, django_user_model):
    settings.SIGNUP_OPEN = False

    html = client.get(reverse("account_signup")).content.decode()
    client.post(reverse("account_signup"), {"username": "ann", "password1": "a-long-pass-42"})

    assert "Sign-up is closed" in html
    assert "Create an account" not in client.get(reverse("account_login")).content.decode()
    assert not django_user_model.objects.filter(username="ann").exists()


def test_too_many_sign_ups_from_one_address_are_told_to_wait(client, settings):
    settings.ACCOUNT_RATE_LIMITS = {"signup": "2/m/ip"}
    responses = [client.post(reverse("account_signup"), {"username": f"user-{i}"}) for i in range(3)]

    assert [response.status_code for response in responses] == [200, 200, 429]
    assert "Wait a minute, then try again" in responses[-1].content.decode()


def test_single_sign_on_has_a_button_where_it_is_set_up(client, settings):
    app = {"provider_id": "oidc", "name": "Company", "client_id": "x", "secret": "y", "settings": {"server_url": "z"}}
    assert "Continue with" not in client.get(reverse("account_login")).content.decode()
    settings.OIDC_SERVER_URL = "https://id.example"
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}

    assert "Continue with Company" in client.get(reverse("account_login")).content.decode()


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_pages_for_everybody_are_in_the_sites_design(client, name):
    html = client.get(reverse(name)).content.decode()

    assert 'class="card"' in html
    assert "ragsite/site.css" in html


@pytest.mark.parametrize("name", ["account_change_password", "account_email", "account_logout"])
def test_pages_of_an_account_are_in_the_sites_design(client, alice, name):
    client.force_login(alice)

    html = client.get(reverse(name)).content.decode()

    assert 'class="card"' in html
    assert "Back to the chat" in html


def test_signing_out_takes_one_click(client, alice):
    client.force_login(alice)

    response = client.post(reverse("account_logout"))

    assert response.headers["Location"] == reverse("account_login")
