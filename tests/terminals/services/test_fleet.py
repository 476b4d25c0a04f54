"""Terminals on record, their policies, and what parallel devices and guesses come to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.models import AuditEntry
from terminals.errors import EnrolmentCodeInvalid, IllegalTerminalStep, SiteWrong, TerminalTaken
from terminals.models import EnrolmentCode, FleetPolicy, Terminal, TerminalKey
from terminals.services.enrolment import TRIES_MAX, enrol_terminal, issue_enrolment_code
from terminals.services.field import publish_tariff, register_terminal
from terminals.services.fleet import publish_fleet_policy, revoke_terminal
from terminals.services.places import save_place
from terminals.wire.enrolment import ENROLMENT, plain_code, prove_possession
from tests.factories import CLERK
from tests.terminals.field import make_merchant

SAM = "0000000000AB"
POLICY: dict[str, Any] = {
    "kind": "gate",
    "valid_from": date(2026, 1, 1),
    "silent_hours": 4,
    "zero_trade_days": 1,
    "list_minutes": 15,
    "legal_basis": "test",
    "actor": CLERK,
}


@pytest.fixture
def facts(db: None) -> dict[str, Any]:
    """What it takes to register a terminal."""
    publish_tariff(
        code="F", name="F", kind="flat", rule={"fare_fen": 200}, valid_from=date(2026, 1, 1), legal_basis="-"
    )
    return {
        "code": "T1", "merchant": make_merchant(), "place": "", "tariff_code": "F", "terminal_no": SAM,
    }  # fmt: skip


def test_without_a_key_a_terminal_waits_for_its_enrolment(facts: dict[str, Any]) -> None:
    terminal = register_terminal(**facts, serial="SN-7", actor=CLERK)
    assert (terminal.state, terminal.kind, terminal.serial) == (
        Terminal.State.REGISTERED,
        "validator",
        "SN-7",
    )
    assert not terminal.keys.exists()
    assert AuditEntry.objects.get(action="terminal.register").actor == CLERK


@pytest.mark.parametrize(
    ("channel", "kind"), [("metro", "gate"), ("parking", "barrier"), ("shop", "pos"), ("hospital", "pos")]
)
def test_a_terminal_is_of_the_kind_its_channel_uses(facts: dict[str, Any], channel: str, kind: str) -> None:
    merchant = make_merchant(code="M", channel=channel)
    assert register_terminal(**facts | {"merchant": merchant}).kind == kind


def test_what_does_not_fit_is_refused(facts: dict[str, Any]) -> None:
    elsewhere = save_place(code="S", name="S", kind="shop", merchant=make_merchant(code="OTHER"))
    with pytest.raises(SiteWrong):
        register_terminal(**facts, site=elsewhere)
    with pytest.raises(InvalidField):
        register_terminal(**facts, kind="toaster")
    register_terminal(**facts, public_key=b"1" * 32)
    with pytest.raises(TerminalTaken):
        register_terminal(**facts, public_key=b"2" * 32)
    assert register_terminal(**facts, public_key=b"1" * 32) == register_terminal(**facts)


def test_a_policy_is_dated_and_never_rewritten(db: None) -> None:
    policy = publish_fleet_policy(**POLICY)
    assert publish_fleet_policy(**POLICY) == policy
    with pytest.raises(Conflict):
        publish_fleet_policy(**POLICY | {"silent_hours": 5})
    for wrong in ({"kind": "toaster"}, {"silent_hours": 0}, {"list_minutes": -1}, {"legal_basis": " "}):
        with pytest.raises(InvalidField):
            publish_fleet_policy(**POLICY | {"valid_from": date(2027, 1, 1)} | wrong)
    assert (
        FleetPolicy.objects.count() == AuditEntry.objects.filter(action="fleet_policy.publish").count() == 1
    )


# --- at the same time -----------------------------------------------------------------------------------------------


def enrolled(code: str) -> bool:
    """Whether a new device is taken with the code; with a connection of its own."""
    key = Ed25519PrivateKey.generate()
    proof = prove_possession(purpose=ENROLMENT, code=plain_code(code), terminal_no=SAM, key=key)
    public_key = key.public_key().public_bytes_raw()
    try:
        enrol_terminal(code=code, terminal_no=SAM, public_key=public_key, proof=bytes.fromhex(proof))
    except EnrolmentCodeInvalid:
        return False
    finally:
        connection.close()
    return True


def together(codes: list[str]) -> int:
    """How many of these devices are taken, all at once."""
    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(enrolled, codes))


@pytest.mark.django_db(transaction=True)
def test_of_devices_with_one_code_one_is_enrolled(transactional_db: None, facts: dict[str, Any]) -> None:
    terminal = register_terminal(**facts)
    code = issue_enrolment_code(terminal=terminal, actor=CLERK, reason="-")
    assert together([code] * TRIES_MAX) == 1
    assert TerminalKey.objects.filter(terminal=terminal, revoked_at=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_get_no_more_tries(transactional_db: None, facts: dict[str, Any]) -> None:
    terminal = register_terminal(**facts)
    issue_enrolment_code(terminal=terminal, actor=CLERK, reason="-")
    assert together([f"AAAA-{number:04d}" for number in range(40)]) == 0
    assert EnrolmentCode.objects.get().tries == TRIES_MAX


@pytest.mark.django_db(transaction=True)
def test_a_revocation_on_its_way_is_waited_for(transactional_db: None, facts: dict[str, Any]) -> None:
    terminal = register_terminal(**facts)
    code = issue_enrolment_code(terminal=terminal, actor=CLERK, reason="-")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            revoke_terminal(terminal=terminal, actor=CLERK, reason="stolen")
            device = pool.submit(enrolled, code)
            wait([device], timeout=1)
        with pytest.raises(IllegalTerminalStep):
            device.result()
    assert not terminal.keys.exists()
