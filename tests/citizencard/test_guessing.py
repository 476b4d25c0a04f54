"""T11: whoever guesses passwords and codes, from many sides at once, has exactly so many guesses looked at.

`GUESSES=10000` makes so many; the control counts as one would write it first, and lets more through.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from citizencard import lockout
from citizencard.lockout import ADDRESS_ATTEMPTS_MAX, ATTEMPTS_MAX, SignInLocked
from citizencard.models import SignInAttempts
from citizencard.staff.services import totp
from tests.citizencard.city import PASSWORD, make_staff
from tests.citizencard.staff.desk import Desk

GUESSES = int(os.environ.get("GUESSES", "160"))
NAMES = ("clerk", "finance", "supervisor", "auditor", "nobody", "nobody-else")
THREADS = 8
_looked_at: Counter[str] = Counter()
_lock = threading.Lock()


class Watched(MD5PasswordHasher):
    """Counts how often a password is looked at."""

    def encode(self, password: str, salt: str) -> str:
        with _lock:
            _looked_at[password.partition(":")[0]] += 1
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def _watched(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.Watched"]
    _looked_at.clear()


def guess(number: int) -> None:
    """One attempt at the office, from an address of its own: wrong, and marked with whom it is for."""
    name = NAMES[number % len(NAMES)]
    form = {"username": name, "password": f"{name}:{number}"}
    try:
        Client(REMOTE_ADDR=f"10.0.{number % 250}.{number // 250 % 250}").post("/office/login/", form)
    finally:
        connection.close()


def all_guess() -> dict[str, int]:
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(guess, range(GUESSES)))
    return {name: _looked_at[name] for name in NAMES}


@pytest.mark.django_db(transaction=True)
def test_of_many_guesses_five_a_person_are_looked_at(undrawn: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known or not; and the lock is in the database, where no restart forgets it."""
    make_staff()
    _looked_at.clear()
    assert all_guess() == dict.fromkeys(NAMES, ATTEMPTS_MAX)
    assert SignInAttempts.objects.filter(attempts=ATTEMPTS_MAX + 1).count() == len(NAMES)
    SignInAttempts.objects.all().delete()
    _looked_at.clear()
    monkeypatch.setattr(lockout, "_count", naive)  # the control
    assert max(all_guess().values()) > ATTEMPTS_MAX


def naive(subject: str, attempts_max: int) -> None:
    """Reads, then writes."""
    key = lockout._hashed(subject)
    seen = SignInAttempts.objects.filter(subject=key).first()
    attempts = seen.attempts if seen else 0
    if attempts >= attempts_max:
        raise SignInLocked(minutes=15)
    time.sleep(0.005)
    SignInAttempts.objects.update_or_create(
        subject=key, defaults={"attempts": attempts + 1, "last_at": timezone.now()}
    )


def test_of_many_codes_as_many_are_looked_at(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STAFF_SECOND_FACTOR = True
    make_staff()
    desk = Desk("clerk")
    desk.sign_in()
    desk.enrol()
    desk.client = Client()
    looked_at = []
    step = totp._step
    monkeypatch.setattr(totp, "_step", lambda *given: looked_at.append(given[1]) or step(*given))
    for number in range(2 * ATTEMPTS_MAX):
        desk.sign_in()
        desk.show(f"{number:06}")
    assert len(looked_at) <= ATTEMPTS_MAX // 2
    assert not desk.inside()


def test_known_and_unknown_get_the_same_answer_for_the_same_work(db: None, settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = True  # or the page names the demo's accounts
    make_staff()
    User.objects.filter(username="finance").update(is_active=False)
    answers = set()
    for name in ("clerk", "finance", "nobody"):
        _looked_at.clear()
        answer = Client().post("/office/login/", {"username": name, "password": "wrong"})
        shown = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode()).replace(
            name, ""
        )
        answers.add((answer.status_code, shown, _looked_at.total()))
    assert len(answers) == 1


def test_one_address_cannot_try_everybody_and_does_not_lock_them_out(db: None, undrawn: None) -> None:
    """A hall of clerks stands behind one address too: right passwords do not count there."""
    make_staff()
    hall, attacker = Client(REMOTE_ADDR="10.1.1.1"), Client(REMOTE_ADDR="10.2.2.2")
    right = {"username": "clerk", "password": PASSWORD}
    for _number in range(ADDRESS_ATTEMPTS_MAX + 1):
        assert hall.post("/office/login/", right).status_code == 302
        hall.cookies.clear()
    for number in range(ADDRESS_ATTEMPTS_MAX):
        attacker.post("/office/login/", {"username": f"n{number}", "password": PASSWORD})
    assert attacker.post("/office/login/", right).status_code == 200
    assert attacker.post("/login/", {"identifier": "1" * 19, "password": "x"}).status_code == 429
    assert hall.post("/office/login/", right).status_code == 302


def test_a_stranger_locks_himself_out_and_not_the_browser_one_has_been_inside_with(
    db: None, undrawn: None
) -> None:
    """Its own wrong guesses are counted like anybody's, and a cookie that was made up counts for nothing."""
    make_staff()
    own = Desk("clerk")
    own.sign_in()
    assert own.inside()
    own.client.post("/office/logout/")
    (name,) = [each for each in own.client.cookies if each.startswith("known_")]
    stranger = Client()
    for number in range(2 * ATTEMPTS_MAX):
        stranger.cookies[name] = f"made-up-{number}"
        stranger.post("/office/login/", {"username": "clerk", "password": f"wrong{number}"})
    assert stranger.post("/office/login/", {"username": "clerk", "password": PASSWORD}).status_code == 200
    assert own.sign_in().status_code == 302
    own.client.post("/office/logout/")
    for _number in range(ATTEMPTS_MAX):
        own.sign_in("wrong")
    assert own.sign_in().status_code == 200
