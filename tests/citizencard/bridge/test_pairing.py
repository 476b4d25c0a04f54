"""How a PC becomes known: the code, the address that takes it, and what a browser can do there (nothing)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from citizencard.bridge.models import PairingCode, Workstation
from citizencard.bridge.services import ask_pairing_code, revoke_workstation
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.signing import SignPurpose
from citizencard.core.models import AuditEntry
from citizencard.core.onetime import CODE_LETTERS
from tests.accounts.threads import in_threads

ADDRESS = "/api/v1/bridge/pairings"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw().hex()


def ask(name: str = "3 号窗口") -> str:
    return ask_pairing_code(name=name, actor="clerk")[1]


def redeem(code: Any, public_key: Any = KEY, **headers: str) -> Any:
    body = json.dumps({"code": code, "public_key": public_key})
    return Client(enforce_csrf_checks=True).post(ADDRESS, body, "application/json", headers=headers)


@pytest.mark.django_db
class TestCode:
    def test_it_is_exchanged_for_the_servers_key(self, key_service: KeyServiceClient) -> None:
        answer = redeem(ask())
        assert answer.status_code == 201
        workstation = Workstation.objects.get()
        assert answer.json() == {
            "workstation": str(workstation.pk),
            "hub": django_settings.BRIDGE_URL,
            "origin": django_settings.BRIDGE_ORIGIN,
            "server_key": key_service.public_key(SignPurpose.CARD_BRIDGE).hex(),
        }
        assert (workstation.name, workstation.paired_by) == ("3 号窗口", "clerk")
        assert bytes(workstation.public_key).hex() == KEY
        entry = AuditEntry.objects.get(action="workstation.pair")
        assert (entry.actor, entry.subject) == ("clerk", f"workstation:{workstation.pk}")

    def test_it_is_short_unmistakable_and_kept_as_a_keyed_digest_only(self) -> None:
        code = ask()
        assert len(code) == 9
        assert set(code) <= {*CODE_LETTERS, "-"}
        assert not set("01IO") & set(CODE_LETTERS)
        (kept,) = PairingCode.objects.values_list("digest", "name", "created_by")
        assert not any(code.replace("-", "") in value or code in value for value in kept)

    @pytest.mark.parametrize(
        "typed", [str.lower, lambda code: code.replace("-", " "), lambda code: code.replace("-", "")]
    )
    def test_it_may_be_typed_as_people_type(self, typed: Any) -> None:
        assert redeem(typed(ask())).status_code == 201

    def test_it_works_once(self) -> None:
        code = ask()
        assert redeem(code).status_code == 201
        assert redeem(code).json()["code"] == "pairing_code_invalid"
        assert Workstation.objects.count() == 1

    def test_it_lives_ten_minutes(self) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            young, old = ask(), ask()
            clock.shift(timedelta(minutes=9, seconds=59))
            assert redeem(young).status_code == 201
            clock.shift(timedelta(seconds=2))
            assert redeem(old).status_code == 403
            ask()
            assert PairingCode.objects.count() == 2, "the expired one is gone"

    def test_guesses_are_counted(self) -> None:
        code = ask()
        answers = [redeem("ABCD-EFGH").status_code for _ in range(6)]
        assert answers == [403] * 5 + [429]
        assert redeem(code).status_code == 429, "not even the right one, for a while"

    @pytest.mark.parametrize(
        ("code", "key"),
        [
            (1, KEY),
            (None, KEY),
            ("ABCD", 5),
            ("ABCD", "zz"),
            ("ABCD", KEY[2:]),
            ("x" * 2000, KEY),
            ("\x00", KEY),
        ],
    )
    def test_garbage_is_a_problem(self, code: Any, key: Any) -> None:
        answer = redeem(code, key)
        assert answer.status_code in (403, 422)
        assert answer["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 5000])
    def test_what_is_no_json_object_is_a_problem(self, body: bytes) -> None:
        answer = Client().post(ADDRESS, body, "application/json")
        assert answer.status_code == 422

    @pytest.mark.parametrize(
        "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-origin"}]
    )
    def test_a_browser_is_refused_and_the_code_stays_good(self, headers: dict[str, str]) -> None:
        code = ask()
        assert redeem(code, **headers).json()["code"] == "foreign_page"
        assert redeem(code).status_code == 201

    def test_without_the_key_service_the_code_stays_good(self, settings: Any, tmp_path: Path) -> None:
        code, socket = ask(), settings.KEY_SERVICE_SOCKET
        settings.KEY_SERVICE_SOCKET = str(tmp_path / "gone.sock")
        assert redeem(code).status_code == 503
        settings.KEY_SERVICE_SOCKET = socket
        assert redeem(code).status_code == 201

    def test_revoking_twice_is_once(self) -> None:
        redeem(ask())
        workstation = Workstation.objects.get()
        for actor in ("clerk", "other"):
            revoke_workstation(workstation=workstation, actor=actor, reason="PC scrapped")
        workstation.refresh_from_db()
        assert workstation.revoked_by == "clerk"
        entry = AuditEntry.objects.get(action="workstation.revoke")
        assert entry.detail == {"name": "3 号窗口", "reason": "PC scrapped"}


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_the_code(key_service: KeyServiceClient) -> None:
    code = ask()
    answers = in_threads(4, lambda number: redeem(code).status_code)
    assert sorted(answers) == [201, 403, 403, 403]
    assert Workstation.objects.count() == 1
