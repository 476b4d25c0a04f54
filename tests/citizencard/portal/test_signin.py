"""The front door of the portal: who gets in, who does not, and what is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.citizencard.city import PASSWORD, City

DOOR = "/login/"
WRONG = "号码或密码不正确"


def knock(client: Client, identifier: str, password: str = PASSWORD, **more: str) -> HttpResponse:
    return client.post(DOOR, {"identifier": identifier, "password": password, **more})  # type: ignore[return-value]


def test_document_number_and_password_open(city: City, client: Client) -> None:
    assert knock(client, city.document)["Location"] == "/"
    assert client.get("/").context["citizen"] == city.citizen


def test_card_number_opens_as_well_however_it_is_written(city: City, client: Client) -> None:
    pan = city.card.pan
    assert knock(client, f" {pan[:4]} {pan[4:8]} {pan[8:]}").status_code == 302
    assert client.get("/").context["citizen"] == city.citizen


def test_wrong_password_and_unknown_number_get_the_same_answer(city: City, client: Client) -> None:
    answers = [
        knock(client, city.document, "wrong"),
        knock(client, "35050119990101001X"),
        knock(client, "no such number"),
        knock(client, "9" * 19),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert all(WRONG in answer.content.decode() for answer in answers)
    assert "_auth_user_id" not in client.session


def test_the_password_is_never_echoed(city: City, client: Client) -> None:
    assert "s3cret-guess" not in knock(client, city.document, "s3cret-guess").content.decode()


@pytest.mark.parametrize("known", [True, False])
def test_five_wrong_passwords_lock_for_a_quarter_of_an_hour(city: City, client: Client, known: bool) -> None:
    number = city.document if known else "35050119990101001X"
    answers = [knock(client, number, "wrong").status_code for _attempt in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert "15" in knock(client, number).content.decode()


def test_the_lock_ends_by_itself_and_is_not_prolonged(city: City, client: Client) -> None:
    for _attempt in range(6):
        knock(client, city.document, "wrong")
    with time_machine.travel(timezone.now() + timedelta(minutes=14), tick=False):
        assert knock(client, city.document).status_code == 429
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1), tick=False):
        assert knock(client, city.document).status_code == 302


def test_document_and_card_number_share_one_lock(city: City, client: Client) -> None:
    for number in [city.document, city.card.pan] * 3:
        knock(client, number, "wrong")
    assert knock(client, city.document).status_code == 429
    assert knock(client, city.neighbour_document).status_code == 302


def test_the_right_password_starts_counting_anew(city: City, client: Client) -> None:
    for _round in range(3):
        assert [knock(client, city.document, "wrong").status_code for _attempt in range(4)] == [401] * 4
        assert knock(client, city.document).status_code == 302
        client.logout()


def test_an_inactive_login_stays_outside(city: City, client: Client) -> None:
    User.objects.filter(citizen=city.citizen).update(is_active=False)
    assert knock(client, city.document).status_code == 401


@pytest.mark.parametrize(
    ("target", "landing"),
    [
        ("/preferences-not/", "/preferences-not/"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("3104397000000000001", "/"),
        ("no-such-page", "/"),
    ],
)
def test_after_signing_in_one_stays_on_this_site(
    city: City, client: Client, target: str, landing: str
) -> None:
    assert knock(client, city.document, next=target)["Location"] == landing


def test_signing_out_takes_a_post_and_forgets(as_citizen: Client) -> None:
    assert as_citizen.get("/logout/").status_code == 405
    assert as_citizen.post("/logout/")["Location"] == DOOR
    assert as_citizen.get("/")["Location"].startswith(DOOR)


def test_without_the_key_service_a_page_says_so(city: City, client: Client, settings: Any) -> None:
    settings.KEY_SERVICE_SOCKET = "/nonexistent/keys.sock"
    answer = knock(client, city.document)
    assert answer.status_code == 503
    assert "密钥服务暂不可用" in answer.content.decode()
