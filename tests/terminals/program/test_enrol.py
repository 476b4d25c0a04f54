"""`manage.py terminal --enrol` end to end: a code from the office, a SAM, a key that the device makes itself."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import Terminal, TerminalKey
from terminals.services.enrolment import issue_enrolment_code
from terminals.services.field import publish_tariff, register_terminal
from tests.factories import CLERK
from tests.terminals.chips import sam_for
from tests.terminals.field import make_merchant

pytestmark = pytest.mark.django_db(transaction=True)
Enrol = Callable[..., str]
NO = "397000000778"


@pytest.fixture
def enrol(transactional_db: None, demo_keys: KeyStore, tmp_path: Path, live_server: LiveServer) -> Enrol:
    publish_tariff(
        code="till",
        name="till",
        kind="entered",
        rule={"max_fen": 1},
        valid_from=date(2026, 1, 1),
        legal_basis="-",
    )
    register_terminal(code="TILL", merchant=make_merchant(), place="till", tariff_code="till", terminal_no=NO)
    sam_for(demo_keys, NO, tmp_path / "sam")

    def command(one_time_code: str, code: str = "TILL") -> str:
        out = io.StringIO()
        line = ["--url", live_server.url, "--key", str(tmp_path / "key.pem"), "--sam", str(tmp_path / "sam")]
        call_command("terminal", "--code", code, "--enrol", one_time_code, *line, stdout=out)
        return out.getvalue()

    return command


def code_for() -> str:
    return issue_enrolment_code(terminal=Terminal.objects.get(), actor=CLERK, reason="installed")


def test_a_terminal_enrols_and_later_once_more_with_another_key(enrol: Enrol, tmp_path: Path) -> None:
    assert enrol(code_for()) == "TILL is enrolled: BUS, till.\n"
    file = tmp_path / "key.pem"
    first = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert enrol(code_for()).startswith("TILL is enrolled")
    assert file.read_bytes() != first
    assert [key.revoked_reason for key in TerminalKey.objects.order_by("pk")] == ["enrolled anew", ""]


def test_a_wrong_code_is_one_sentence_and_the_key_in_use_stays(enrol: Enrol, tmp_path: Path) -> None:
    enrol(code_for())
    kept = (tmp_path / "key.pem").read_bytes()
    with pytest.raises(CommandError, match="enrolment_code_invalid"):
        enrol("AAAA-AAAA")
    assert (tmp_path / "key.pem").read_bytes() == kept


def test_the_sam_of_another_terminal_is_told(enrol: Enrol) -> None:
    with pytest.raises(CommandError, match="The SAM is that of TILL"):
        enrol(code_for(), "other")
