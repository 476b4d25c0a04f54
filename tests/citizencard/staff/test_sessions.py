"""A sign-in ends: left alone, grown old, ended from elsewhere, with a new password; and a new one has a new key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from citizencard.core.models import AuditEntry
from citizencard.staff.models import StaffSession
from tests.citizencard.city import PASSWORD, make_staff
from tests.citizencard.staff.desk import Desk

NEW = "guan-yin-tie-88"


@pytest.fixture
def clerk(db: None) -> Desk:
    """Inside, as in the demo: by password alone."""
    make_staff()
    desk = Desk("clerk")
    desk.sign_in()
    assert desk.inside()
    return desk


def change(desk: Desk, old: str = PASSWORD, new: str = NEW, again: str = "") -> Any:
    form = {"old": old, "new": new, "again": again or new}
    return desk.client.post("/office/password_change/", form)


def ends() -> list[str]:
    return list(StaffSession.objects.order_by("pk").values_list("ended_because", flat=True))


def test_left_alone_for_a_quarter_of_an_hour_it_ends(clerk: Desk) -> None:
    now = timezone.now()
    for minutes, inside in ((14, True), (28, True), (44, False)):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
            assert clerk.inside() is inside
    assert ends() == ["idle"]
    assert "会话已结束" in clerk.client.get("/office/login/").content.decode()


def test_a_page_that_asks_by_itself_is_nobody(clerk: Desk) -> None:
    now = timezone.now()
    for minutes in range(2, 15, 2):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
            assert clerk.client.get("/office/reader/state/").status_code == 200
    with time_machine.travel(now + timedelta(minutes=16), tick=False):
        assert not clerk.inside()


def test_after_ten_hours_it_ends_whoever_is_there(clerk: Desk) -> None:
    now = timezone.now()
    for minutes in range(10, 600, 10):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
            StaffSession.objects.update(last_seen_at=timezone.now())
    clerk.client.session.save()
    with time_machine.travel(now + timedelta(minutes=601), tick=False):
        clerk.client.cookies  # noqa: B018  the browser's own cookie would still be good
        assert not clerk.inside()


def test_signing_out_ends_the_row_and_the_old_cookie_opens_nothing(clerk: Desk) -> None:
    kept = clerk.client.cookies["sessionid"].value
    clerk.client.post("/office/logout/")
    thief = Client()
    thief.cookies["sessionid"] = kept
    assert thief.get("/office/").status_code == 302
    assert ends() == ["signed_out"]


def test_one_sees_where_one_is_signed_in_and_ends_it_elsewhere(clerk: Desk) -> None:
    elsewhere = Desk("clerk")
    elsewhere.sign_in()
    assert elsewhere.inside()
    page = clerk.client.get("/office/account/").content.decode()
    assert page.count('name="step" value="end"') == 1
    other = StaffSession.objects.latest("pk")
    clerk.client.post("/office/account/", {"step": "end", "number": str(other.pk)})
    assert (elsewhere.inside(), clerk.inside()) == (False, True)
    elsewhere.sign_in()
    elsewhere.inside()
    clerk.client.post("/office/account/", {"step": "end_others"})
    assert (elsewhere.inside(), clerk.inside()) == (False, True)


def test_nobody_ends_anothers_session(clerk: Desk) -> None:
    finance = Desk("finance")
    finance.sign_in()
    assert finance.inside()
    theirs = StaffSession.objects.latest("pk").pk
    for number in (str(theirs), "x", "9" * 30, ""):
        assert clerk.client.post("/office/account/", {"step": "end", "number": number}).status_code == 302
    assert finance.inside()


def test_a_new_password_ends_the_others_and_not_this_one(clerk: Desk) -> None:
    elsewhere = Desk("clerk")
    elsewhere.sign_in()
    assert elsewhere.inside()
    assert change(clerk).status_code == 302
    assert (elsewhere.inside(), clerk.inside()) == (False, True)
    assert AuditEntry.objects.get(action="staff.password.change").actor == "clerk"
    assert not Desk("clerk").sign_in(PASSWORD).has_header("Location")
    assert Desk("clerk").sign_in(NEW).has_header("Location")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"old": "wrong"}, "当前密码不正确"),
        ({"new": PASSWORD}, "不能与当前密码相同"),
        ({"again": "another-one-1"}, "两次输入不一致"),
        ({"new": "short-1"}, "12"),
        ({"new": "password1234"}, "常见"),
        ({"new": "121212121212"}, "数字"),
    ],
)
def test_what_is_no_password_is_said(clerk: Desk, words: dict[str, str], said: str) -> None:
    assert said in change(clerk, **words).content.decode()
    assert clerk.user.check_password(PASSWORD)


def test_guessing_the_present_password_is_counted(clerk: Desk) -> None:
    for _attempt in range(5):
        change(clerk, old="wrong")
    assert "15 分钟" in change(clerk).content.decode()


def test_the_cookie_is_the_servers_own_and_new_at_every_sign_in(clerk: Desk) -> None:
    cookie = clerk.client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    fixed = Client()
    fixed.cookies["sessionid"] = "chosenbyanattacker"
    desk = Desk("clerk", client=fixed)
    desk.sign_in()
    assert fixed.cookies["sessionid"].value != "chosenbyanattacker"
