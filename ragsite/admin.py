"""Pages of other applications in the admin, in its theme: background tasks and e-mail addresses. Django loads this
after the applications' own pages, because `ragsite` is the last in INSTALLED_APPS."""

from typing import Any

from allauth.account.admin import EmailAddressAdmin as AllauthEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.socialaccount.admin import SocialAccountAdmin as AllauthSocialAccountAdmin
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.http import HttpRequest
from django_q.admin import FailAdmin, QueueAdmin, ScheduleAdmin, TaskAdmin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin

for model in (EmailAddress, SocialAccount, SocialApp, SocialToken, Failure, OrmQ, Schedule, Success):
    if admin.site.is_registered(model):  # django-q shows no queue that is in Redis
        admin.site.unregister(model)
# SocialApp stays away: single sign-on is set up by environment. SocialToken too: nobody needs to read tokens.


class ThemedAdmin(ModelAdmin):
    """The theme's list, over the whole width."""

    list_fullwidth = True
    show_full_result_count = False


@admin.register(OrmQ)
class WaitingTaskAdmin(QueueAdmin, ThemedAdmin):
    pass


@admin.register(Failure)
class FailedTaskAdmin(FailAdmin, ThemedAdmin):
    pass


@admin.register(Success)
class DoneTaskAdmin(TaskAdmin, ThemedAdmin):
    pass


@admin.register(Schedule)
class ScheduledTaskAdmin(ScheduleAdmin, ThemedAdmin):
    pass


@admin.register(EmailAddress)
class EmailAddressAdmin(AllauthEmailAddressAdmin, ThemedAdmin):
    pass


@admin.register(SocialAccount)
class SocialAccountAdmin(AllauthSocialAccountAdmin, ThemedAdmin):
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
