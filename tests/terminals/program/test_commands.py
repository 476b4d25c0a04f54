"""The command line: a till, a card reader, a batch upload, over real HTTP; faults are one sentence."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from accounts.models import Card, Purse
from citizencard.core.calendar import open_business_day
from citizencard.core.keyservice.keystore import KeyStore
from terminals.selectors.invariants import broken
from terminals.services.field import publish_tariff, register_terminal
from terminals.services.hotlist import report_loss
from terminals.services.publishing import present_key
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.factories import NOON
from tests.fixtures_accounts import TODAY
from tests.terminals.chips import loaded_card, sam_for
from tests.terminals.field import make_merchant

# Named, so that it starts before the live server puts the settings aside for a test.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("key_service")]
Run = Callable[..., str]
NO = "397000000777"


@pytest.fixture
def card(transactional_db: None, demo_keys: KeyStore, tmp_path: Path) -> Card:
    open_business_day(TODAY)
    return loaded_card(demo_keys, 10_000, tmp_path / "card")[0]


@pytest.fixture
def run(card: Card, demo_keys: KeyStore, tmp_path: Path, live_server: LiveServer) -> Run:
    """Run a command as the till TILL at noon of the test day; its output."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "centre.key").write_text(bytes(present_key(timezone.now()).public_key).hex())
    publish_tariff(
        code="till",
        name="till",
        kind="entered",
        rule={"max_fen": 5_000},
        valid_from=date(2026, 1, 1),
        legal_basis="-",
    )
    register_terminal(
        code="TILL",
        merchant=make_merchant(),
        place="till",
        tariff_code="till",
        terminal_no=NO,
        public_key=key.public_key().public_bytes_raw(),
    )
    sam_for(demo_keys, NO, tmp_path / "sam")
    line = ["--url", live_server.url, "--key", str(tmp_path / "key.pem")]
    till = ["--code", "TILL", "--sam", str(tmp_path / "sam"), "--state", str(tmp_path / "state")]
    tap = ["--card", str(tmp_path / "card"), "--at", "2026-03-02T12:00:00"]

    def command(name: str, *words: str) -> str:
        own: dict[str, list[str]] = {
            "terminal": [*line, *till, *(tap if "--upload" not in words else [])],
            "post_batch": [*line, "--terminal", "TILL"],
            "readcard": ["--card", str(tmp_path / "card")],
        }
        out = io.StringIO()
        call_command(name, *own[name], *words, stdout=out)
        return out.getvalue()

    return command


def test_an_online_purchase(run: Run, card: Card) -> None:
    assert run("terminal", "--amount", "12.50").splitlines() == [
        "交易成功  票款 12.50  余额 87.50",
        "Paid  fare 12.50  balance 87.50",
    ]
    assert Purse.objects.get(card=card).balance_fen == 8_750
    assert "Nothing waits" in run("terminal", "--upload")
    assert broken() == []


def test_an_offline_purchase_is_uploaded_later(run: Run, card: Card, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        run("terminal", "--amount", "1", "--offline")  # no tariff was ever fetched
    run("terminal", "--amount", "1")
    run("terminal", "--amount", "2", "--offline", "--again")
    assert Purse.objects.get(card=card).balance_fen == 9_900
    assert "1 accepted, 0 suspended, 0 duplicate, 0 rejected" in run("terminal", "--upload")
    assert Purse.objects.get(card=card).balance_fen == 9_700


def test_a_lost_card_is_refused_as_soon_as_the_signed_list_is_fetched(run: Run, card: Card) -> None:
    run("terminal", "--amount", "1")
    report_loss(card=card, actor="portal", reason="lost", occurred_at=NOON - timedelta(minutes=1))
    run("terminal", "--amount", "1", "--offline", "--again")
    with pytest.raises(SystemExit):
        run("terminal", "--amount", "1", "--again")
    with pytest.raises(SystemExit):  # what was fetched is kept
        run("terminal", "--amount", "1", "--again", "--offline")


def test_lists_of_another_centre_are_not_believed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "centre.key").write_text("ab" * 32)
    with pytest.raises(SystemExit):
        run("terminal", "--amount", "1")
    (tmp_path / "centre.key").unlink()
    with pytest.raises(CommandError, match="enrol TILL"):
        run("terminal", "--amount", "1")


def test_what_is_beyond_the_tariff_is_said_and_fails(run: Run) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("terminal", "--amount", "50.01")
    assert stopped.value.code == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--key", "/nowhere.pem"], "cannot be read"),
        (["--url", "http://127.0.0.1:9"], "does not answer"),
        (["--amount", "x"], "An amount in yuan"),
        (["--card", "/nowhere"], "no simulated chip"),
        (["--sam", "/nowhere"], "no simulated chip"),
    ],
)
def test_faults_are_one_sentence(run: Run, words: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        run("terminal", "--amount", "1", *words)


def test_a_batch_file_is_posted_again_without_effect(run: Run, card: Card, tmp_path: Path) -> None:
    shown: dict[str, Any] = json.loads(run("terminal", "--amount", "3", "--json"))
    record = TapRecord.from_dict(shown["record"])
    file = tmp_path / "batch.ndjson"
    file.write_bytes(build_batch("DEPOT-1", [record]))
    first = run("post_batch", str(file))
    assert "1 duplicate" in first
    assert run("post_batch", str(file)) == first
    assert json.loads(run("post_batch", str(file), "--json"))["problems"][0]["code"] == "duplicate"
    file.write_bytes(file.read_bytes().replace(b'"count":1', b'"count":2'))
    with pytest.raises(CommandError, match="batch_number_reused"):
        run("post_batch", str(file))
    file.write_bytes(file.read_bytes().replace(b"DEPOT-1", b"DEPOT-2"))
    with pytest.raises(CommandError, match="batch_refused"):
        run("post_batch", str(file))
    with pytest.raises(CommandError, match="cannot be read"):
        run("post_batch", str(tmp_path / "missing"))


def test_a_card_is_read_for_people_and_for_machines(run: Run, card: Card) -> None:
    run("terminal", "--amount", "3")
    text = run("readcard")
    assert card.pan in text
    assert "97.00" in text
    shown = json.loads(run("readcard", "--json"))
    assert (shown["card_number"], shown["balance_fen"]) == (card.pan, 9_700)
    assert shown["log"][0]["amount_fen"] == 300
