"""The life of a key: four eyes, what each state permits, several services on one register, and a register tampered with."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from citizencard.core.keyservice.custodians import Attempts
from citizencard.core.keyservice.demonstration import PASSPHRASE, open_demonstration
from citizencard.core.keyservice.keyblock import UnwrappedKey, unwrap, wrap
from citizencard.core.keyservice.keystore import Algorithm, KeyStore, Master, Usage
from citizencard.core.keyservice.lifecycle import Change, Intent
from citizencard.core.keyservice.places import MemoryPlace
from citizencard.core.keyservice.protocol import Opcode
from citizencard.core.keyservice.refusal import Code, Refusal
from tests.citizencard.core.keyservice.office import Office, is_ceremony, passphrase, quick_scrypt, refusal_of

__all__ = ["quick_scrypt"]
pytestmark = pytest.mark.usefixtures("quick_scrypt")

KEY = bytes(range(16))
KEK = bytes(range(32))
BOTH = [Intent.ISSUE, Intent.SERVE]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path).begin()
    office.store(Usage.LOAD, 1, KEY)
    return office


def days(office: Office, count: int) -> str:
    return (office.day + timedelta(days=count)).isoformat()


def test_a_whole_life(office: Office) -> None:
    assert office.permits(Usage.LOAD, 1) == []
    office.do("activate", "LOAD/1")
    assert office.permits(Usage.LOAD, 1) == BOTH
    office.do("retire", "LOAD/1", cut_off=days(office, 30))
    assert office.permits(Usage.LOAD, 1) == [Intent.SERVE]
    office.pass_days(30)
    assert office.permits(Usage.LOAD, 1) == [Intent.SERVE], "the cut-off day itself is served"
    office.pass_days(1)
    assert office.permits(Usage.LOAD, 1) == []
    office.do("destroy", "LOAD/1")
    assert office.states() == {"LOAD/1": "destroyed"}
    assert office.ring.status()["keys"] == []
    entry = office.custody.register.entry((Usage.LOAD, 1))
    assert entry.block is None
    assert [str(day) for day in entry.days.values()] == ["2026-11-21"] * 3 + ["2026-12-22"]


def test_nothing_happens_before_another_custodian_confirms(office: Office) -> None:
    number = office.propose("activate", ["LOAD/1"], by="zhang")
    assert is_ceremony(refusal_of(lambda: office.ask(Opcode.CONFIRM, "zhang", number=number)))
    assert office.states() == {"LOAD/1": "generated"}
    office.ask(Opcode.CONFIRM, "wang", number=number)
    assert office.states() == {"LOAD/1": "active"}
    assert is_ceremony(refusal_of(lambda: office.ask(Opcode.CONFIRM, "wang", number=number)))


def test_a_proposal_expires(office: Office) -> None:
    number = office.propose("activate", ["LOAD/1"])
    assert [asked["number"] for asked in office.ask(Opcode.LIST_KEYS)["proposals"]] == [number]
    office.seconds += 1801
    assert is_ceremony(refusal_of(lambda: office.ask(Opcode.CONFIRM, "li", number=number)))


def test_one_custodian_disables_at_once_and_for_good(office: Office) -> None:
    office.do("activate", "LOAD/1")
    office.ask(Opcode.DISABLE, "wang", keys=["LOAD/1"])
    assert office.permits(Usage.LOAD, 1) == []
    for action in ("activate", "retire"):
        assert "disabled" in refusal_of(lambda: office.do(action, "LOAD/1", cut_off=days(office, 1))).message  # noqa: B023


def test_several_keys_change_together_or_not_at_all(office: Office) -> None:
    office.store(Usage.TAC, 1, KEY)
    office.do("activate", "LOAD/1")
    assert "LOAD version 1 is active" in refusal_of(lambda: office.do("activate", "TAC/1", "LOAD/1")).message
    assert office.states() == {"LOAD/1": "active", "TAC/1": "generated"}


def test_what_a_state_does_not_allow(office: Office) -> None:
    allowed = {
        "generated": {"activate", "destroy"},
        "active": {"retire"},
        "retiring": set(),
        "disabled": {"destroy"},
        "destroyed": set(),
    }
    states = list(allowed)
    for version, state in enumerate(states, start=2):
        office.store(Usage.LOAD, version, KEY)
        key = f"LOAD/{version}"
        if state in ("active", "retiring"):
            office.do("activate", key)
        if state == "retiring":
            office.do("retire", key, cut_off=days(office, 5))
        if state == "disabled":
            office.ask(Opcode.DISABLE, "li", keys=[key])
        if state == "destroyed":
            office.do("destroy", key)
    for (version, state), action in product(enumerate(states, start=2), ["activate", "retire", "destroy"]):
        propose = lambda: office.propose(action, [f"LOAD/{version}"], cut_off=days(office, 1))  # noqa: B023, E731
        if action in allowed[state]:
            propose()
        else:
            assert refusal_of(propose).code is Code.BAD_REQUEST


def test_a_retiring_key_needs_a_day_to_come(office: Office) -> None:
    office.do("activate", "LOAD/1")
    for cut_off in (None, days(office, -1)):
        refusal = refusal_of(lambda: office.propose("retire", ["LOAD/1"], cut_off=cut_off))  # noqa: B023
        assert "cut-off" in refusal.message


@pytest.mark.parametrize("keys", [["LOAD/2"], ["LOAD/1", "LOAD/1"], ["LOAD"], ["GIFT/1"], ["LOAD/0"], []])
def test_keys_that_are_not_there(office: Office, keys: list[str]) -> None:
    refusal = refusal_of(lambda: office.propose("activate", keys))
    assert refusal.code in (Code.UNKNOWN_KEY, Code.BAD_REQUEST)


def test_a_key_made_in_the_service(office: Office) -> None:
    office.do("generate", "PII_DEK/1", "SIGN/1")
    office.do("activate", "PII_DEK/1")
    assert office.states() == {"LOAD/1": "generated", "PII_DEK/1": "active", "SIGN/1": "generated"}
    sealed = office.ring.backend.privacy.seal([(b"t|c|1", b"x")])
    assert office.again().unseal().ring.backend.privacy.open([(b"t|c|1", sealed[0])]) == [b"x"]


def test_new_things_are_made_with_the_highest_active_version(office: Office) -> None:
    office.do("generate", "PII_DEK/1", "PII_DEK/2", "PII_DEK/3")
    office.do("activate", "PII_DEK/1", "PII_DEK/2")
    assert office.custody.policy.current(Usage.PII_DEK) == 2
    office.ask(Opcode.DISABLE, "li", keys=["PII_DEK/2"])
    assert office.custody.policy.current(Usage.PII_DEK) == 1


# Several services on one state directory.


def test_another_service_sees_a_change_at_its_next_call(office: Office) -> None:
    office.do("activate", "LOAD/1")
    other = office.again().unseal("li", "wang")
    assert other.permits(Usage.LOAD, 1) == BOTH
    office.ask(Opcode.DISABLE, "zhang", keys=["LOAD/1"])
    assert other.permits(Usage.LOAD, 1) == []
    office.do("generate", "SIGN/1")
    other.permits(Usage.SIGN, 1)
    assert other.ring.status()["keys"] == office.ring.status()["keys"]


def test_changes_of_two_services_do_not_overwrite_each_other(office: Office) -> None:
    other = office.again().unseal()
    other.do("generate", "SIGN/1")
    office.do("generate", "PII_INDEX/1")
    assert set(other.states()) == set(office.states()) == {"LOAD/1", "SIGN/1", "PII_INDEX/1"}


def test_a_change_begins_with_what_is_on_disk(office: Office) -> None:
    """Between looking at the register and changing it another service may have been there."""
    office.again().unseal().do("generate", "SIGN/1")
    office.custody.apply(Change.ACTIVATE, [(Usage.LOAD, 1)])
    assert office.states() == {"LOAD/1": "active", "SIGN/1": "generated"}


STEPS: dict[Opcode, dict[str, Any]] = {
    Opcode.UNSEAL: {"share": bytes(32)},
    Opcode.SEAL_SERVICE: {},
    Opcode.ENTER_COMPONENT: {"usage": "TAC", "version": 1, "component": KEY, "kcv": "08D7B4"}
    | {"algorithm": "DES3", "exportable": 0},
    Opcode.CONFIRM_COMPONENTS: {"usage": "TAC", "version": 1, "kcv": "08D7B4"},
    Opcode.IMPORT_BLOCK: {"usage": "TAC", "version": 1, "kek_version": 1, "block": "D0112"},
    Opcode.PROPOSE: {"action": "activate", "keys": ["LOAD/1"], "kek_version": 0, "national": 0},
    Opcode.CONFIRM: {"number": 1},
    Opcode.DISABLE: {"keys": ["LOAD/1"]},
}


def test_every_step_asks_who_it_is(office: Office) -> None:
    open_to_all = {Opcode.BEGIN_CUSTODY, Opcode.TAKE_SHARE, Opcode.LIST_KEYS}
    assert set(STEPS) == {code for code in Opcode if code >= Opcode.BEGIN_CUSTODY} - open_to_all
    for (opcode, fields), (who, word) in product(
        STEPS.items(), [("li", "not li's passphrase"), ("nobody", passphrase("li"))]
    ):
        office.custody.attempts = Attempts()
        refusal = refusal_of(lambda: office.ask(opcode, who, passphrase=word, **fields))  # noqa: B023
        assert refusal.code is Code.CUSTODIAN_INVALID
    assert office.states() == {"LOAD/1": "generated"}


# A register somebody has touched.


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('"state": "generated"', '"state": "active"'),
        ('"version": 1', '"version": 2'),
        ('"usage": "LOAD"', '"usage": "TAC"'),
        ('"issuer_factor": "C1', '"issuer_factor": "C2'),
        ('"name": "wang"', '"name": "eve"'),
        ('"exportable": false', '"exportable": true'),
        ('"serial": 2', '"serial": 9'),
        ('"mac": "', '"mac": "00'),
        ('"format": 1', '"format": 2'),
        ("{", ""),
    ],
)
def test_an_edited_register_is_refused(office: Office, written: str, instead: str) -> None:
    path = office.folder / "register.json"
    content = path.read_text()
    assert written in content
    path.write_text(content.replace(written, instead, 1))
    refusal = refusal_of(lambda: office.permits(Usage.LOAD, 1))
    assert refusal.code is Code.REGISTER_INVALID
    assert "key register" in refusal.message
    assert office.ring.status()["state"] == "sealed", "it does not go on with keys it cannot be sure of"
    with pytest.raises(Refusal, match=r"key register|custodian"):
        office.again().unseal()
    path.write_text(content)
    assert office.again().unseal().states() == {"LOAD/1": "generated"}


def test_every_field_of_the_register_is_covered(office: Office) -> None:
    path = office.folder / "register.json"
    whole = json.loads(path.read_text())
    for owner in (whole, whole["keys"][0], whole["custodians"][0]):
        for name, kept in owner.items():
            owner[name] = "changed"
            path.write_text(json.dumps(whole))
            assert refusal_of(office.custody.refresh).code is Code.REGISTER_INVALID
            owner[name] = kept
            path.write_text(json.dumps(whole))
            office.unseal()


def test_a_register_taken_away_seals(office: Office) -> None:
    (office.folder / "register.json").unlink()
    assert refusal_of(lambda: office.permits(Usage.LOAD, 1)).code is Code.REGISTER_INVALID
    assert office.ring.status()["state"] == "sealed"


def test_an_older_register_put_back_is_refused(office: Office) -> None:
    office.do("activate", "LOAD/1")
    shutil.copy(office.folder / "register.json", office.folder / "old")
    office.ask(Opcode.DISABLE, "li", keys=["LOAD/1"])
    shutil.copy(office.folder / "old", office.folder / "register.json")
    assert "older" in refusal_of(lambda: office.permits(Usage.LOAD, 1)).message


def test_blocks_exchanged_between_two_keys_are_refused(office: Office) -> None:
    """Even by somebody who knows the register's key: a block says what it is for."""
    office.store(Usage.TAC, 1, bytes(reversed(KEY)))
    custody = office.custody
    load, tac = custody.register.entry((Usage.LOAD, 1)), custody.register.entry((Usage.TAC, 1))
    swapped = replace(load, block=tac.block), replace(tac, block=load.block)
    custody.change(lambda register: register.with_entries(*swapped))
    assert refusal_of(office.again().unseal).code is Code.KEY_BLOCK_INVALID


# Key blocks to and from another party.


@pytest.fixture
def partnered(office: Office) -> Office:
    office.store(Usage.KEK, 1, KEK)
    office.do("activate", "KEK/1")
    return office


def block_of(usage: Usage, version: int, key: bytes = KEY, *, exportable: bool = False) -> str:
    return wrap(KEK, UnwrappedKey((usage, version), Master(Algorithm.DES3, key), exportable))


def bring(office: Office, block: str, usage: Usage, version: int, kek_version: int = 1) -> str:
    answer = office.ask(
        Opcode.IMPORT_BLOCK, "li", usage=usage, version=version, block=block, kek_version=kek_version
    )
    return str(answer["kcv"])


def test_a_key_comes_as_a_block(partnered: Office) -> None:
    assert (
        bring(partnered, block_of(Usage.TRANSPORT, 7), Usage.TRANSPORT, 7) == Master(Algorithm.DES3, KEY).kcv
    )
    assert partnered.states()["TRANSPORT/7"] == "generated"
    assert ("TRANSPORT", 7) in {(key["usage"], key["version"]) for key in partnered.ring.status()["keys"]}


@pytest.mark.parametrize(("usage", "version"), [(Usage.LOAD, 7), (Usage.TRANSPORT, 8)])
def test_a_block_of_another_name_does_not_come_in(partnered: Office, usage: Usage, version: int) -> None:
    refusal = refusal_of(lambda: bring(partnered, block_of(Usage.TRANSPORT, 7), usage, version))
    assert refusal.code is Code.KEY_BLOCK_INVALID


def test_a_shared_key_has_a_life_too(partnered: Office) -> None:
    block = block_of(Usage.TRANSPORT, 7)
    assert refusal_of(lambda: bring(partnered, block, Usage.TRANSPORT, 7, 2)).code is Code.UNKNOWN_KEY
    partnered.ask(Opcode.DISABLE, "li", keys=["KEK/1"])
    assert refusal_of(lambda: bring(partnered, block, Usage.TRANSPORT, 7)).code is Code.KEY_NOT_PERMITTED


def test_a_shared_key_is_in_no_vault(partnered: Office) -> None:
    assert "KEK" not in {key["usage"] for key in partnered.ring.status()["keys"]}


def test_an_exportable_key_leaves_under_four_eyes(partnered: Office) -> None:
    bring(partnered, block_of(Usage.PURCHASE, 1, exportable=True), Usage.PURCHASE, 1)
    blocks = partnered.do("export", "PURCHASE/1", kek_version=1)
    key = unwrap(KEK, blocks[0], (Usage.PURCHASE, 1))
    assert key.master.key == KEY
    assert not key.exportable, "the other party is not to pass it on"


def test_what_is_not_exportable_stays(partnered: Office) -> None:
    for keys in (["LOAD/1"], ["KEK/1"]):
        refusal = refusal_of(lambda: partnered.propose("export", keys, kek_version=1))  # noqa: B023
        assert refusal.code is Code.UNSUPPORTED


def test_shared_keys_are_not_made_or_brought_by_one_side(partnered: Office) -> None:
    assert refusal_of(lambda: partnered.propose("generate", ["KEK/2"])).code is Code.BAD_REQUEST
    block = wrap(KEK, UnwrappedKey((Usage.KEK, 2), Master(Algorithm.AES, KEK), False))
    assert refusal_of(lambda: bring(partnered, block, Usage.KEK, 2)).code is Code.BAD_REQUEST


# With the demonstration keys.


def demo_office(folder: Path, keys: KeyStore) -> Office:
    office = Office(folder, MemoryPlace(keys.keys))
    open_demonstration(office.custody, keys)
    return office


def test_demonstration_keys_have_states(tmp_path: Path, demo_keys: KeyStore) -> None:
    office = demo_office(tmp_path, demo_keys)
    assert set(office.states().values()) == {"active"}
    office.ask(Opcode.DISABLE, "demo-1", passphrase=PASSPHRASE, keys=["TAC/1"])
    restarted = demo_office(tmp_path, demo_keys)
    assert restarted.states()["TAC/1"] == "disabled"
    assert restarted.permits(Usage.TAC, 1) == []
    assert restarted.permits(Usage.TAC, 2) == BOTH


def test_a_destroyed_demonstration_key_is_gone(tmp_path: Path, demo_keys: KeyStore) -> None:
    office = demo_office(tmp_path, demo_keys)
    office.ask(Opcode.DISABLE, "demo-1", passphrase=PASSPHRASE, keys=["TAC/1"])
    number = office.propose("destroy", ["TAC/1"], by="demo-1", passphrase=PASSPHRASE)
    office.ask(Opcode.CONFIRM, "demo-2", passphrase=PASSPHRASE, number=number)
    for service in (office, demo_office(tmp_path, demo_keys)):
        held = {(key["usage"], key["version"]) for key in service.ring.status()["keys"]}
        assert held == set(demo_keys.masters) - {(Usage.TAC, 1)}


def test_demonstration_keys_added_later_are_active_too(tmp_path: Path, demo_keys: KeyStore) -> None:
    fewer = {name: key for name, key in demo_keys.masters.items() if name[0] is not Usage.UNLOAD}
    demo_office(tmp_path, KeyStore(fewer, demo_keys.issuer_factor8, demo=True))
    assert demo_office(tmp_path, demo_keys).states()["UNLOAD/1"] == "active"


def test_other_demonstration_keys_than_registered_are_refused(tmp_path: Path, demo_keys: KeyStore) -> None:
    demo_office(tmp_path, demo_keys)
    changed = KeyStore({**demo_keys.masters, (Usage.TAC, 1): KEY}, demo_keys.issuer_factor8, demo=True)
    assert "TAC version 1" in refusal_of(lambda: demo_office(tmp_path, changed)).message


class KeyLives(RuleBasedStateMachine):
    """Any order of changes: the service permits what the state says, and a restarted one says the same."""

    keys = st.sampled_from(["LOAD/1", "LOAD/2", "TAC/1"])

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="cc-lives-")
        self.office = Office(Path(self.folder.name)).begin()
        self.office.do("generate", "LOAD/1", "LOAD/2", "TAC/1")
        self.model = dict.fromkeys(["LOAD/1", "LOAD/2", "TAC/1"], "generated")
        self.cut_off = dict.fromkeys(self.model, self.office.day)

    def attempt(self, action: str, key: str, source: set[str], target: str, **fields: str) -> None:
        try:
            self.office.do(action, key, **fields)
        except Refusal:
            assert self.model[key] not in source
        else:
            assert self.model[key] in source
            self.model[key] = target

    @rule(key=keys)
    def activate(self, key: str) -> None:
        self.attempt("activate", key, {"generated"}, "active")

    @rule(key=keys, count=st.integers(0, 3))
    def retire(self, key: str, count: int) -> None:
        was = self.model[key]
        self.attempt("retire", key, {"active"}, "retiring", cut_off=days(self.office, count))
        if was == "active":
            self.cut_off[key] = self.office.day + timedelta(days=count)

    @rule(key=keys)
    def disable(self, key: str) -> None:
        try:
            self.office.ask(Opcode.DISABLE, "li", keys=[key])
        except Refusal:
            assert self.model[key] in ("disabled", "destroyed")
        else:
            self.model[key] = "disabled"

    @rule(key=keys)
    def destroy(self, key: str) -> None:
        over = {"retiring"} if self.office.day > self.cut_off[key] else set()
        self.attempt("destroy", key, {"generated", "disabled"} | over, "destroyed")

    @rule(count=st.integers(1, 3))
    def days_pass(self, count: int) -> None:
        self.office.pass_days(count)

    @rule()
    def restart(self) -> None:
        self.office = self.office.again().unseal()

    @invariant()
    def permits_what_the_state_says(self) -> None:
        if not hasattr(self, "model"):
            return
        assert self.office.states() == self.model
        for key, state in self.model.items():
            usage, version = key.split("/")
            serving = state == "active" or (state == "retiring" and self.office.day <= self.cut_off[key])
            expected = [Intent.ISSUE] * (state == "active") + [Intent.SERVE] * serving
            assert self.office.permits(Usage(usage), int(version)) == expected

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


@pytest.mark.usefixtures("quick_scrypt")
class TestKeyLives(KeyLives.TestCase):  # type: ignore[misc]
    settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
