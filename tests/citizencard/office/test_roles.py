"""The roles in the database are those of the code; who opens what is in `tests/citizencard/matrix`."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.test import Client

from citizencard.office.roles import MATRIX, ensure_roles
from tests.citizencard.city import City, make_staff


def test_a_citizens_password_does_not_open_the_office(city: City, client: Client) -> None:
    form = {"username": city.citizen.user.username, "password": "spring-tea-7301"}
    assert client.post("/office/login/", form).status_code == 200
    assert "_auth_user_id" not in client.session


def test_roles_are_restored_by_every_migration(db: None) -> None:
    clerk = Group.objects.get(name="clerk")
    clerk.permissions.clear()
    ensure_roles()
    assert {f"{each.content_type.app_label}.{each.codename}" for each in clerk.permissions.all()} == MATRIX[
        "clerk"
    ]


def test_staff_are_locked_out_after_five_wrong_passwords(db: None, client: Client) -> None:
    make_staff()
    for _attempt in range(5):
        client.post("/office/login/", {"username": "clerk", "password": "wrong"})
    answer = client.post("/office/login/", {"username": "clerk", "password": "spring-tea-7301"})
    assert "15 分钟" in answer.content.decode()
    assert "_auth_user_id" not in client.session
