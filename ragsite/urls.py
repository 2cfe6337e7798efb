"""Where everything is mounted."""

from django.contrib import admin
from django.urls import include, path

from ragsite import single_sign_on
from ragsite.health import healthz, readyz
from ragsite.metrics import metrics

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("admin/dashboard/", include("monitoring.admin.dashboard_urls")),
    path("admin/", include("monitoring.admin.runbooks_urls")),
    path("admin/", admin.site.urls),
    # Before allauth's views of the same address, which they wrap; the names to reverse are allauth's.
    path("accounts/oidc/<str:provider_id>/login/", single_sign_on.sign_in),
    path("accounts/oidc/<str:provider_id>/login/callback/", single_sign_on.come_back),
    path("accounts/", include("allauth.urls")),
    path("api/", include("ragsite.api_urls")),
    path("v1/", include("chat.openai_api.urls")),
    path("compare/", include("monitoring.urls")),
    path("", include("chat.urls")),
]
