"""Single sign-on from the button to the chat, with a scripted identity provider over real HTTP."""

import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.urls import reverse

from ragsite.environment import single_sign_on_providers
from tests.fake_identity import CLIENT_ID, CLIENT_SECRET, FakeIdentity

pytestmark = pytest.mark.django_db

BUTTON = "/accounts/oidc/oidc/login/?process=login"
CHAT = reverse("chat:home")


@pytest.fixture
def identity(settings):
    """The provider, set up as settings.py does it from the environment."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    with FakeIdentity() as identity:
        settings.OIDC_SERVER_URL = identity.url
        settings.SOCIALACCOUNT_PROVIDERS = single_sign_on_providers(
            server_url=f"{identity.url}/", client_id=CLIENT_ID, client_secret=CLIENT_SECRET, name="Company"
        )
        yield identity


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leave the redirect to the test."""

    def redirect_request(self, *args, **kwargs):
        return None


def address_of_return(url: str) -> str:
    """Return where the provider sends the browser, without the host."""
    try:
        urllib.request.build_opener(NoRedirect).open(url, timeout=5)
    except urllib.error.HTTPError as redirect:
        with redirect:
            parts = urlsplit(redirect.headers["Location"])
            return f"{parts.path}?{parts.query}"
    raise AssertionError(f"{url} does not redirect")


def sign_in(client, button: str = BUTTON):
    """Press the button, follow the browser to the provider and back; return the site's answer to that."""
    response = client.post(button)
    assert response.status_code == 302, response.content.decode()
    return client.get(address_of_return(response.headers["Location"]))


def assert_says(response, status: int, *words: str) -> None:
    """Check that it is a page in words with a way back, and that nobody is signed in."""
    html = response.content.decode()
    assert response.status_code == status, html
    for word in words:
        assert word in html
    assert reverse("account_login") in html
    assert "_auth_user_id" not in response.wsgi_request.session


def test_the_button_says_the_name(client, identity):
    html = client.get(reverse("account_login")).content.decode()

    assert "Continue with Company" in html
    assert f'action="{BUTTON}"' in html


def test_a_new_person_gets_an_account_and_lands_in_the_chat(client, identity, django_user_model):
    response = sign_in(client)

    assert response.headers["Location"] == CHAT
    assert client.get(CHAT, follow=True).status_code == 200
    user = django_user_model.objects.get()
    assert (user.username, user.email, user.is_staff) == ("ann", "ann@example.com", False)
    assert not user.has_usable_password()


def test_the_same_person_gets_the_same_account(client, identity, django_user_model):
    sign_in(client)
    client.logout()
    identity.person["email"] = "ann.married@example.com"

    response = sign_in(client)

    assert response.headers["Location"] == CHAT
    assert django_user_model.objects.count() == 1


def test_another_person_of_the_same_name_gets_another_account(client, identity, django_user_model):
    sign_in(client)
    client.logout()
    identity.person |= {"sub": "1002", "email": "other.ann@example.com"}

    sign_in(client)

    assert django_user_model.objects.count() == 2


def test_the_wanted_page_is_kept(client, identity):
    response = sign_in(client, f"{BUTTON}&next=/documents/")

    assert response.headers["Location"] == "/documents/"


def test_closed_sign_up_lets_single_sign_on_in(client, identity, settings, django_user_model):
    settings.SIGNUP_OPEN = False

    response = sign_in(client)

    assert response.headers["Location"] == CHAT
    assert django_user_model.objects.count() == 1


@pytest.mark.parametrize("verified", [True, False, "false", None])
def test_an_account_of_the_same_address_is_not_taken_over(client, identity, alice, django_user_model, verified):
    identity.person |= {"email": "Alice@example.com", "email_verified": verified}

    response = sign_in(client)

    assert_says(response, 409, "You have an account already", "alice@example.com", "Sign in and connect")
    assert django_user_model.objects.get() == alice
    assert alice.check_password("alice-password-1")
    assert not SocialAccount.objects.exists()


def test_the_owner_connects_the_account_and_comes_in(client, identity, alice):
    identity.person["email"] = "alice@example.com"
    connections = reverse("socialaccount_connections")
    data = {"login": "alice", "password": "alice-password-1", "next": connections}
    page = client.post(reverse("account_login"), data, follow=True).content.decode()
    ask_first = client.get("/accounts/oidc/oidc/login/?process=connect").content.decode()
    assert sign_in(client, "/accounts/oidc/oidc/login/?process=connect").headers["Location"] == connections
    client.logout()

    response = sign_in(client)

    assert response.headers["Location"] == CHAT
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert 'href="/accounts/oidc/oidc/login/?process=connect"' in page
    assert "Connect Company" in ask_first


@pytest.mark.parametrize("verified", ["true", "false", None])
def test_odd_ways_to_say_verified_do_no_harm(client, identity, verified):
    identity.person["email_verified"] = verified

    assert sign_in(client).headers["Location"] == CHAT


def test_a_person_without_an_address_may_come(client, identity, django_user_model):
    del identity.person["email"]

    assert sign_in(client).headers["Location"] == CHAT
    assert django_user_model.objects.get().email == ""


def test_denied_access_is_said_in_words(client, identity):
    identity.error = "access_denied"

    assert_says(sign_in(client), 403, "denied access", "Back to sign-in")


def test_another_error_of_the_provider_is_said_in_words(client, identity):
    identity.error = "temporarily_unavailable"

    assert_says(sign_in(client), 400, "was not completed", "Back to sign-in")


@pytest.mark.parametrize(
    "claims",
    [{"aud": "another-site"}, {"iss": "http://elsewhere.example"}, {"exp": int(time.time()) - 3600}, {"sub": "666"}],
    ids=["audience", "issuer", "expired", "subject"],
)
def test_a_wrong_token_signs_nobody_in(client, identity, django_user_model, claims):
    identity.claims = claims

    assert_says(sign_in(client), 502, "nobody was signed in", "Back to sign-in")
    assert not django_user_model.objects.exists()


@pytest.mark.parametrize("change", [{"signing_key": "wrong"}, {"algorithm": "none"}], ids=["signature", "unsigned"])
def test_a_forged_token_signs_nobody_in(client, identity, django_user_model, change):
    for name, value in change.items():
        setattr(identity, name, value)

    assert_says(sign_in(client), 502, "nobody was signed in")
    assert not django_user_model.objects.exists()


def test_a_token_signed_with_the_shared_secret_is_good(client, identity):
    identity.algorithm = "HS256"

    assert sign_in(client).headers["Location"] == CHAT


def test_a_wrong_secret_is_said_in_words_and_in_the_log(client, identity, settings, caplog):
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["secret"] = "wrong"

    assert_says(sign_in(client), 502, "Single sign-on did not work")
    assert "invalid_client" in caplog.text


def test_a_return_that_nobody_began_is_refused(client, identity):
    response = client.get("/accounts/oidc/oidc/login/callback/?code=x&state=y")

    assert_says(response, 400, "begun in another window")


def test_a_provider_that_is_down_is_said_in_words(client, identity):
    identity.stop()

    response = client.post(BUTTON)

    assert_says(response, 503, "Single sign-on does not answer at the moment", "cannot be reached", "password")


def test_a_failing_provider_is_said_in_words(client, identity):
    identity.statuses["/.well-known/openid-configuration"] = 500

    assert_says(client.post(BUTTON), 503, "does not answer at the moment", "error 500")


def test_a_provider_that_says_too_little_of_itself_is_said_in_words(client, identity):
    identity.missing = ("authorization_endpoint",)

    assert_says(client.post(BUTTON), 502, "incomplete")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/token", 502), ("/jwks", 503), ("/userinfo", 503), ("/.well-known/openid-configuration", 503)],
)
def test_a_provider_that_fails_on_the_way_back_is_said_in_words(client, identity, path, status):
    there = client.post(BUTTON).headers["Location"]
    back = address_of_return(there)
    identity.statuses[path] = 500

    assert_says(client.get(back), status, "Back to sign-in")


def test_a_provider_that_goes_down_on_the_way_back_is_said_in_words(client, identity):
    back = address_of_return(client.post(BUTTON).headers["Location"])
    identity.stop()

    assert_says(client.get(back), 503, "cannot be reached")


def test_an_unknown_provider_is_not_found(client, identity):
    assert client.post("/accounts/oidc/other/login/").status_code == 404
    assert client.get("/accounts/oidc/other/login/callback/").status_code == 404


def test_forms_of_account_pages_may_lead_to_the_provider(client, identity, alice):
    client.force_login(alice)

    accounts = client.get(reverse("account_email")).headers["Content-Security-Policy"]
    chat = client.get(CHAT, follow=True).headers["Content-Security-Policy"]

    assert f"form-action 'self' {identity.url};" in f"{accounts};"
    assert "form-action 'self';" in f"{chat};"


def test_forms_stay_here_without_single_sign_on(client):
    policy = client.get(reverse("account_login")).headers["Content-Security-Policy"]

    assert "form-action 'self';" in f"{policy};"
