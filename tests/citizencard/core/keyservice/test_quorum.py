"""The protection key: shared once, put together by any two custodians, never by one."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from citizencard.core.keyservice.custodians import ATTEMPTS_MAX, LOCKED_S
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.protocol import Opcode
from citizencard.core.keyservice.refusal import Code
from tests.citizencard.core.keyservice.office import (
    FACTOR,
    NAMES,
    Office,
    is_ceremony,
    passphrase,
    quick_scrypt,
    refusal_of,
)

__all__ = ["quick_scrypt"]
pytestmark = pytest.mark.usefixtures("quick_scrypt")
KEY = bytes(range(16))


def test_the_ceremony_opens_the_service_and_any_two_shares_open_it_again(tmp_path: Path) -> None:
    office = Office(tmp_path).begin()
    assert office.ring.status()["state"] == "open"
    assert len(set(office.shares.values())) == 3
    office.store(Usage.LOAD, 1, KEY)
    for pair in permutations(NAMES, 2):
        restarted = office.again()
        assert restarted.ring.status()["state"] == "sealed"
        restarted.unseal(*pair)
        assert restarted.ring.status()["keys"] == office.ring.status()["keys"] != []


def test_one_custodian_alone_or_twice_does_not_open_it(tmp_path: Path) -> None:
    restarted = Office(tmp_path).begin().again()
    restarted.unseal("zhang")
    assert restarted.ring.status()["state"] == "sealed"
    assert is_ceremony(refusal_of(lambda: restarted.unseal("zhang")))
    assert refusal_of(lambda: restarted.ring.backend).code is Code.SEALED
    restarted.unseal("wang")
    assert restarted.ring.status()["state"] == "open"


def test_another_custodians_share_under_the_own_name_is_refused(tmp_path: Path) -> None:
    restarted = Office(tmp_path).begin().again()
    restarted.unseal("zhang")
    refusal = refusal_of(lambda: restarted.ask(Opcode.UNSEAL, "li", share=restarted.shares["wang"]))
    assert refusal.code is Code.CUSTODIAN_INVALID
    assert "check value" in refusal.message
    assert restarted.ring.status()["state"] == "sealed"


def test_a_wrong_share_changes_nothing(tmp_path: Path) -> None:
    restarted = Office(tmp_path).begin().again()
    restarted.unseal("zhang")
    wrong = bytearray.fromhex(restarted.shares["li"])
    wrong[7] ^= 1
    refusal = refusal_of(lambda: restarted.ask(Opcode.UNSEAL, "li", share=bytes(wrong)))
    assert "check value differs" in refusal.message
    assert bytes(wrong).hex() not in refusal.message
    restarted.unseal("li")
    assert restarted.ring.status()["state"] == "open"


def test_shares_of_another_ceremony_do_not_open_it(tmp_path: Path) -> None:
    """Even where register and shares come from one place: the check value of the whole is kept as well."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here, there = Office(tmp_path / "here").begin(), Office(tmp_path / "there").begin()
    restarted = here.again()
    register = tmp_path / "here" / "register.json"
    content = register.read_text()
    for name in NAMES:
        ours, theirs = (office.custody.register.custodian(name) for office in (here, there))
        assert ours is not None
        assert theirs is not None
        content = content.replace(ours.share_check, theirs.share_check)
    register.write_text(content)
    restarted.shares = there.shares
    assert "do not make" in refusal_of(restarted.unseal).message
    assert restarted.ring.status()["state"] == "sealed"


def test_each_share_is_shown_once_to_its_own_custodian(tmp_path: Path) -> None:
    office = Office(tmp_path)
    people = {name: passphrase(name) for name in NAMES}
    office.ask(Opcode.BEGIN_CUSTODY, custodians=people, issuer_factor=FACTOR)
    refusal = refusal_of(lambda: office.ask(Opcode.TAKE_SHARE, "li", passphrase=passphrase("zhang")))
    assert refusal.code is Code.CUSTODIAN_INVALID
    office.ask(Opcode.TAKE_SHARE, "li")
    assert is_ceremony(refusal_of(lambda: office.ask(Opcode.TAKE_SHARE, "li")))


def test_nothing_is_stored_before_the_last_share_is_taken(tmp_path: Path) -> None:
    office = Office(tmp_path)
    people = {name: passphrase(name) for name in NAMES}
    office.ask(Opcode.BEGIN_CUSTODY, custodians=people, issuer_factor=FACTOR)
    for name in NAMES[:2]:
        office.ask(Opcode.TAKE_SHARE, name)
    assert list(tmp_path.iterdir()) == []
    office.seconds += 1801
    assert is_ceremony(refusal_of(lambda: office.ask(Opcode.TAKE_SHARE, "wang")))
    assert office.begin().ring.status()["state"] == "open"


def test_custody_is_begun_once(tmp_path: Path) -> None:
    office = Office(tmp_path).begin()
    assert is_ceremony(refusal_of(office.begin))
    assert is_ceremony(refusal_of(office.again().begin))


@pytest.mark.parametrize("names", [("a", "b"), tuple("abcdefghij")])
def test_too_few_or_too_many_custodians(tmp_path: Path, names: tuple[str, ...]) -> None:
    people = dict.fromkeys(names, "a long passphrase")
    begin = lambda: Office(tmp_path).ask(Opcode.BEGIN_CUSTODY, custodians=people, issuer_factor=FACTOR)  # noqa: E731
    assert refusal_of(begin).code is Code.BAD_REQUEST


def test_short_passphrases_are_refused(tmp_path: Path) -> None:
    people = dict.fromkeys(NAMES, "short")
    begin = lambda: Office(tmp_path).ask(Opcode.BEGIN_CUSTODY, custodians=people, issuer_factor=FACTOR)  # noqa: E731
    assert "12 characters" in refusal_of(begin).message


def test_attempts_are_limited_per_custodian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restarted = Office(tmp_path).begin().again()
    now = 0.0
    monkeypatch.setattr(restarted.custody.attempts, "_clock", lambda: now)
    guess = lambda: restarted.ask(Opcode.UNSEAL, "li", passphrase="x" * 12, share=restarted.shares["li"])  # noqa: E731
    for _ in range(ATTEMPTS_MAX):
        assert "no custodian" in refusal_of(guess).message
    assert "locked" in refusal_of(lambda: restarted.unseal("li")).message
    restarted.unseal("zhang")
    now += LOCKED_S
    restarted.unseal("li")
    assert restarted.ring.status()["state"] == "open"


def test_wrong_shares_count_as_attempts(tmp_path: Path) -> None:
    restarted = Office(tmp_path).begin().again()
    for _ in range(ATTEMPTS_MAX):
        refusal_of(lambda: restarted.ask(Opcode.UNSEAL, "li", share=bytes(32)))
    assert "locked" in refusal_of(lambda: restarted.unseal("li")).message


def test_unknown_names_are_told_like_wrong_passphrases(tmp_path: Path) -> None:
    office = Office(tmp_path).begin()
    unknown = refusal_of(lambda: office.ask(Opcode.SEAL_SERVICE, "nobody"))
    wrong = refusal_of(lambda: office.ask(Opcode.SEAL_SERVICE, "li", passphrase="x" * 12))
    assert (unknown.code, unknown.message) == (wrong.code, wrong.message)


def test_one_custodian_seals_it_and_two_open_it(tmp_path: Path) -> None:
    office = Office(tmp_path).begin()
    office.store(Usage.LOAD, 1, KEY)
    office.ask(Opcode.SEAL_SERVICE, "wang")
    assert office.ring.status() == {"state": "sealed", "demo": False, "keys": []}
    assert office.permits(Usage.LOAD, 1) == []
    office.unseal("li", "wang")
    assert len(office.ring.status()["keys"]) == 1


def test_a_share_given_too_long_ago_is_forgotten(tmp_path: Path) -> None:
    restarted = Office(tmp_path).begin().again()
    restarted.unseal("zhang")
    restarted.seconds += 1801
    restarted.unseal("li")
    assert restarted.ring.status()["state"] == "sealed"


def test_no_secret_is_on_disk(tmp_path: Path) -> None:
    office = Office(tmp_path).begin()
    office.store(Usage.LOAD, 1, KEY)
    text = "".join(path.read_text() for path in tmp_path.iterdir()).lower()
    secrets = [
        *office.shares.values(),
        KEY.hex(),
        office.custody.protection.key.hex(),
        *map(passphrase, NAMES),
    ]
    assert not [secret for secret in secrets if secret.lower() in text]
    assert "b'" not in repr(office.custody.protection)
