"""A password alone does not open the office, a code is good once, and acts need a factor that was shown just now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Refund
from citizencard.core.models import AuditEntry
from citizencard.lockout import ATTEMPTS_MAX, forget_attempts
from citizencard.office.site import office
from citizencard.staff.errors import FactorRefused
from citizencard.staff.models import AuthenticatorApp, RecoveryCode, StaffSession
from citizencard.staff.services import totp
from tests.citizencard.city import make_staff
from tests.citizencard.office.money import Money
from tests.citizencard.staff.desk import APP, FACTOR, Desk


def later(**ahead: int) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(**ahead), tick=False)


@pytest.fixture
def enrolled(desk: Desk) -> Desk:
    """A clerk with an app, signed out again, a minute later."""
    desk.sign_in()
    desk.enrol()
    desk.client = Client()
    return desk


def test_the_first_sign_in_leads_to_setting_up_a_factor_and_nowhere_else(desk: Desk) -> None:
    desk.sign_in()
    for path in ("/office/", "/office/accounts/card/", FACTOR, "/office/account/"):
        assert desk.client.get(path)["Location"].startswith("/office/account/enrol/")
    assert desk.client.get("/office/account/enrol/").status_code == 200
    desk.enrol()
    assert desk.inside()
    assert len(desk.codes) == 10
    row = AuthenticatorApp.objects.get(user=desk.user)
    assert desk.secret.encode() not in bytes(row.sealed_secret)


def test_afterwards_the_password_leads_to_the_code(enrolled: Desk) -> None:
    with later(minutes=2):
        enrolled.sign_in()
        assert enrolled.client.get("/office/")["Location"].startswith(FACTOR)
        assert enrolled.client.get(APP)["Location"].startswith(FACTOR)
        session_key = enrolled.client.session.session_key
        assert (
            enrolled.show(enrolled.code(), next="/office/accounts/card/")["Location"]
            == "/office/accounts/card/"
        )
        assert enrolled.client.session.session_key != session_key
        assert enrolled.inside()
    assert StaffSession.objects.latest("pk").factor == "app"


def test_a_way_on_leads_to_our_own_pages_only(enrolled: Desk) -> None:
    with later(minutes=2):
        enrolled.sign_in()
        for strange in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "no:way", "x"):
            forget_attempts("staff:clerk")
            AuthenticatorApp.objects.update(last_step=0)
            assert enrolled.show(enrolled.code(), next=strange)["Location"] == "/office/", strange


def test_a_code_is_good_once_and_for_a_step_before_and_after(enrolled: Desk) -> None:
    with later(minutes=2):
        now = timezone.now()
        for offset, good in ((-60, False), (60, False), (-30, True), (-30, False), (30, True), (0, False)):
            enrolled.sign_in()
            enrolled.show(enrolled.code(now + timedelta(seconds=offset)))
            assert enrolled.inside() is good, offset
            enrolled.client = Client()
            forget_attempts("staff:clerk")


def test_a_recovery_code_is_good_once(enrolled: Desk) -> None:
    for good in (True, False):
        enrolled.sign_in()
        enrolled.show(enrolled.codes[0].lower())
        assert enrolled.inside() is good
        enrolled.client = Client()
    assert AuditEntry.objects.filter(action="staff.recovery.use").get().detail == {"left": 9}
    assert not any(enrolled.codes[0].encode() in bytes(row.digest) for row in RecoveryCode.objects.all())


def test_passwords_and_codes_are_one_count(enrolled: Desk) -> None:
    """The right password does not buy new guesses at the code."""
    with later(minutes=2):
        for _attempt in range(ATTEMPTS_MAX - 2):
            enrolled.sign_in()
        enrolled.show("000000")
        enrolled.show("000000")
        assert "15 分钟" in enrolled.show(enrolled.code()).content.decode()
        assert not enrolled.inside()


def test_an_act_needs_a_factor_that_was_shown_just_now(money: Money, strict: None) -> None:
    """And what was refused has not happened; one goes back to the form, not to the act."""
    desk = Desk("clerk")
    desk.sign_in()
    desk.enrol()
    step = f"/office/accounts/card/{money.card.pk}/refund/"
    assert desk.client.get(step).status_code == 200
    before = Refund.objects.count()
    with later(minutes=14):
        assert desk.inside()
    with later(minutes=28):
        assert desk.inside()
    with later(minutes=41):
        assert desk.client.get("/office/accounts/card/").status_code == 200
        assert desk.client.get(step)["Location"].startswith(FACTOR)
        answer = desk.client.post(
            step, {"reason": "离开本市", "payee": ""}, headers={"referer": f"http://testserver{step}"}
        )
        assert (
            answer["Location"] == f"{FACTOR}?next=%2Foffice%2Faccounts%2Fcard%2F{money.card.pk}%2Frefund%2F"
        )
        assert Refund.objects.count() == before
        desk.show(desk.code(), next=step)
        assert desk.client.get(step).status_code == 200


def test_without_a_second_factor_nobody_posts_money(desk: Desk) -> None:
    """One door for every step of the office."""
    desk = Desk("finance")
    desk.sign_in()
    for step in sorted(office.acts):
        app, model, act = step.split("_", 2)
        answer = desk.client.post(f"/office/{app}/{model}/1/{act}/", {"reason": "x"})
        assert answer["Location"].startswith("/office/account/enrol/"), step


def test_the_demo_asks_who_has_a_factor_and_says_so(db: None) -> None:
    make_staff()
    desk = Desk("clerk")
    assert "citizencard-demo" in desk.client.get("/office/login/").content.decode()
    desk.sign_in()
    assert desk.inside()
    desk.enrol()
    desk.client = Client()
    desk.sign_in()
    assert not desk.inside()


def test_production_does_not_speak_of_demo_accounts(desk: Desk) -> None:
    assert "citizencard-demo" not in desk.client.get("/office/login/").content.decode()


def test_production_cannot_switch_the_factor_off() -> None:
    import os
    import subprocess
    import sys

    asked = "from django.conf import settings; print(settings.STAFF_SECOND_FACTOR)"
    wanted = {"CITIZENCARD_ENV": "production", "STAFF_SECOND_FACTOR": "false"}
    done = subprocess.run([sys.executable, "-c", asked], env=os.environ | wanted, capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout == "True\n"


def _use(given: tuple[int, str]) -> bool:
    from accounts.models import User

    try:
        totp.use_code(user=User.objects.get(pk=given[0]), code=given[1])
    except FactorRefused:
        return False
    finally:
        connection.close()
    return True


@pytest.mark.django_db(transaction=True)
def test_of_many_who_send_the_same_code_at_once_one_is_let_in(strict: None) -> None:
    make_staff()
    desk = Desk("clerk")
    desk.sign_in()
    desk.enrol()
    with ThreadPoolExecutor(8) as threads:
        shown = desk.code(timezone.now() + timedelta(seconds=30))
        assert sum(threads.map(_use, [(desk.user.pk, shown)] * 16)) == 1
