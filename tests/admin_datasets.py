"""Datasets in the admin: their addresses and a person who is signed in."""

from django.contrib.auth.models import Group

from chat.models import Collection

START = "/admin/monitoring/generation/start/"


def signed_in(client, users, group):
    user = users.objects.create_user(f"one-{group}", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client.force_login(user)
    return client


def text(response):
    return " ".join(response.content.decode().split())


def make_id(name):
    return Collection.objects.get(name=name).pk
