"""Keys entered in components: three people, each check value, confirmed by all; a slip stores nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from citizencard.core.keyservice.keystore import Algorithm, Master, Usage
from citizencard.core.keyservice.protocol import Opcode
from citizencard.core.keyservice.refusal import Code
from tests.citizencard.core.keyservice.office import NAMES, Office, is_ceremony, quick_scrypt, refusal_of, xor

__all__ = ["quick_scrypt"]
pytestmark = pytest.mark.usefixtures("quick_scrypt")

PARTS = bytes(range(16)), bytes(range(16, 32)), bytes.fromhex("00112233445566778899AABBCCDDEEFF")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path).begin()


def test_three_components_make_a_key(office: Office) -> None:
    progress = [office.enter_one(name, Usage.TAC, 3, part) for name, part in zip(NAMES, PARTS, strict=True)]
    assert [step["entered"] for step in progress] == [1, 2, 3]
    whole = Master(Algorithm.DES3, xor(*PARTS))
    assert [step["kcv"] for step in progress] == [None, None, whole.kcv]
    assert office.states() == {}
    assert office.confirm_entry(Usage.TAC, 3, whole.kcv)["stored"]
    assert office.states() == {"TAC/3": "generated"}
    assert office.custody.unwrapped((Usage.TAC, 3)).master == whole


def test_the_book_key_by_its_published_check_value(office: Office) -> None:
    """0123456789ABCDEFFEDCBA9876543210 has the check value 08D7B4."""
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    progress = office.enter(Usage.TAC, 1, PARTS[0], PARTS[1], xor(key, PARTS[0], PARTS[1]))
    assert progress["kcv"] == "08D7B4"


def test_the_order_of_people_does_not_matter(office: Office) -> None:
    for name, part in zip(reversed(NAMES), PARTS, strict=True):
        progress = office.enter_one(name, Usage.TAC, 3, part)
    assert progress["kcv"] == Master(Algorithm.DES3, xor(*PARTS)).kcv


def test_one_person_does_not_enter_two(office: Office) -> None:
    office.enter_one("zhang", Usage.TAC, 3, PARTS[0])
    assert is_ceremony(refusal_of(lambda: office.enter_one("zhang", Usage.TAC, 3, PARTS[1])))
    assert office.enter_one("li", Usage.TAC, 3, PARTS[1])["entered"] == 2


def test_a_wrong_component_is_told_to_the_one_who_typed_it(office: Office) -> None:
    typed = xor(PARTS[0], bytes(15) + b"\x02")
    right = Master(Algorithm.DES3, PARTS[0]).kcv
    refusal = refusal_of(lambda: office.enter_one("zhang", Usage.TAC, 3, typed, kcv=right))
    assert "check value differs" in refusal.message
    assert typed.hex() not in refusal.message.lower()
    assert office.enter_one("zhang", Usage.TAC, 3, PARTS[0])["entered"] == 1


def test_a_wrong_whole_stores_nothing(office: Office) -> None:
    office.enter(Usage.TAC, 3, *PARTS)
    assert "differs" in refusal_of(lambda: office.confirm_entry(Usage.TAC, 3, "123456")).message
    assert office.states() == {}
    assert office.enter_one("zhang", Usage.TAC, 3, PARTS[0])["entered"] == 1, "begun anew"


def test_all_three_must_confirm(office: Office) -> None:
    kcv = office.enter(Usage.TAC, 3, *PARTS)["kcv"]
    for name in ("zhang", "zhang", "li"):
        progress = office.ask(Opcode.CONFIRM_COMPONENTS, name, usage=Usage.TAC, version=3, kcv=kcv)
        assert not progress["stored"]
    assert office.states() == {}


def test_only_those_who_entered_confirm(tmp_path: Path) -> None:
    office = Office(tmp_path).begin([*NAMES, "zhao"])
    kcv = office.enter(Usage.TAC, 3, *PARTS)["kcv"]
    refusal = refusal_of(
        lambda: office.ask(Opcode.CONFIRM_COMPONENTS, "zhao", usage=Usage.TAC, version=3, kcv=kcv)
    )
    assert "who have entered" in refusal.message
    assert office.confirm_entry(Usage.TAC, 3, kcv)["stored"]


def test_nothing_is_confirmed_before_all_components_are_there(office: Office) -> None:
    office.enter(Usage.TAC, 3, *PARTS[:2])
    kcv = Master(Algorithm.DES3, xor(*PARTS[:2])).kcv
    assert is_ceremony(refusal_of(lambda: office.confirm_entry(Usage.TAC, 3, kcv)))


def test_a_partial_entry_expires(office: Office) -> None:
    office.enter(Usage.TAC, 3, *PARTS[:2])
    office.seconds += 1801
    assert office.enter_one("wang", Usage.TAC, 3, PARTS[2])["entered"] == 1


def test_a_restart_forgets_a_partial_entry(office: Office) -> None:
    office.enter(Usage.TAC, 3, *PARTS[:2])
    assert office.again().unseal().enter_one("wang", Usage.TAC, 3, PARTS[2])["entered"] == 1


@pytest.mark.parametrize("length", [1, 8, 15, 24, 32])
def test_a_component_is_as_long_as_the_key(office: Office, length: int) -> None:
    enter = lambda: office.enter_one("zhang", Usage.TAC, 3, bytes(length), kcv="000000")  # noqa: E731
    assert refusal_of(enter).code is Code.BAD_REQUEST


@pytest.mark.parametrize("fields", [{"algorithm": Algorithm.SM4}, {"exportable": 1}])
def test_all_speak_of_the_same_key(office: Office, fields: dict[str, Any]) -> None:
    office.enter_one("zhang", Usage.TAC, 3, PARTS[0])
    assert is_ceremony(refusal_of(lambda: office.enter_one("li", Usage.TAC, 3, PARTS[1], **fields)))


def test_the_algorithm_must_fit_the_usage(office: Office) -> None:
    enter = lambda: office.enter_one("zhang", Usage.TAC, 3, bytes(32), algorithm=Algorithm.AES)  # noqa: E731
    assert refusal_of(enter).code is Code.BAD_REQUEST


def test_a_version_enters_once(office: Office) -> None:
    office.store(Usage.TAC, 3, bytes(range(16)))
    assert "already" in refusal_of(lambda: office.enter_one("zhang", Usage.TAC, 3, PARTS[0])).message


def test_a_sealed_service_takes_no_components(office: Office) -> None:
    sealed = office.again()
    assert refusal_of(lambda: sealed.enter_one("zhang", Usage.TAC, 3, PARTS[0])).code is Code.SEALED


def test_two_keys_are_entered_side_by_side(office: Office) -> None:
    first = office.enter(Usage.TAC, 3, *PARTS)
    second = office.enter(Usage.LOAD, 3, *(bytes(reversed(part)) for part in PARTS))
    assert office.confirm_entry(Usage.LOAD, 3, second["kcv"])["stored"]
    assert office.confirm_entry(Usage.TAC, 3, first["kcv"])["stored"]
    assert set(office.states()) == {"TAC/3", "LOAD/3"}


def test_a_key_of_sm4_and_one_of_aes(office: Office) -> None:
    office.store(Usage.TAC, 9, bytes(range(16)), algorithm=Algorithm.SM4)
    office.store(Usage.PII_DEK, 9, bytes(range(32)))
    assert {(key["usage"], key["version"]) for key in office.ring.status()["keys"]} == {
        ("TAC", 9),
        ("PII_DEK", 9),
    }
