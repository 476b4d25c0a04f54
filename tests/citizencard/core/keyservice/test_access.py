"""Every operation asks the policy for the key it uses, and says whether it makes something new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from citizencard.core.keyservice.backend import Backend
from citizencard.core.keyservice.keystore import KeyStore, Usage
from citizencard.core.keyservice.lifecycle import AllActive, Intent, KeyPolicy
from citizencard.core.keyservice.protocol import RIGHT, UNCHECKED
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.signing import SignPurpose
from citizencard.core.keyservice.vault_software import SoftwareVault
from terminals.card import crypto
from terminals.card.keys import CARD_SLOTS, KeySlot
from tests.citizencard.core.keyservice.cards import TERMINAL, WHEN, CardSide

SERIAL = bytes.fromhex("5170070104791381")
RAND = bytes(4)
DIALOGUE: dict[str, Any] = {
    "serial8": SERIAL,
    "key_version": 1,
    "online_atc": 7,
    "terminal_no6": TERMINAL,
    "when": WHEN,
}
PLACE = b"t|c|1"


class Window(KeyPolicy):
    """Version 2 is active; of version 1 what `permitted` says. Remembers what it was asked."""

    def __init__(self, *permitted: Intent) -> None:
        self._permitted = frozenset(permitted)
        self.asked: set[tuple[Usage, int, Intent]] = set()

    def permits(self, usage: Usage, version: int, intent: Intent) -> bool:
        self.asked.add((usage, version, intent))
        return version == 2 or intent in self._permitted

    def current(self, usage: Usage) -> int:
        return 1 if usage in (Usage.PII_INDEX, Usage.PROOF, Usage.SIGN) else 2


def write_key(slot: KeySlot, *, sam: bool = False) -> Callable[[Backend, CardSide], Any]:
    return lambda backend, card: backend.issuing.write_key(
        chip_serial8=b"CHIP0001",
        transport_version=2,
        slot=slot,
        version=1,
        card_serial8=None if sam else SERIAL,
        challenge=bytes(8),
    )


def maintain(header: str, data: bytes = b"", **options: Any) -> Callable[[Backend, CardSide], Any]:
    fields: dict[str, Any] = {"challenge": bytes(8), "encrypt": False} | options
    return lambda backend, card: backend.maintenance.command(
        serial8=SERIAL, version=1, header=bytes.fromhex(header), data=data, **fields
    )


def authorise_load(backend: Backend, card: CardSide) -> Any:
    key = card.load_session_key(1, SERIAL, RAND, 7)
    mac1 = crypto.load_mac1(key, 0, 100, 2, TERMINAL)
    return backend.purse.authorise_load(**DIALOGUE, rand4=RAND, balance_fen=0, amount_fen=100, mac1=mac1)


def authorise_unload(backend: Backend, card: CardSide) -> Any:
    key = crypto.load_session_key(card.key(Usage.UNLOAD, 1, SERIAL), RAND, 7)
    mac1 = crypto.load_mac1(key, 900, 100, 3, TERMINAL)
    return backend.purse.authorise_unload(**DIALOGUE, rand4=RAND, balance_fen=900, amount_fen=100, mac1=mac1)


def authorise_overdraft(backend: Backend, card: CardSide) -> Any:
    key = crypto.load_session_key(card.key(Usage.OVERDRAFT, 1, SERIAL), RAND, 7)
    limits = {"old_limit_fen": 0, "new_limit_fen": 800}
    mac1 = crypto.overdraft_mac1(key, 900, 0, TERMINAL)
    return backend.purse.authorise_overdraft(**DIALOGUE, rand4=RAND, balance_fen=900, **limits, mac1=mac1)


def verify_load_tac(backend: Backend, card: CardSide) -> Any:
    return backend.purse.verify_load_tac(**DIALOGUE, balance_after_fen=1, amount_fen=1, tac=bytes(4))


def verify_unload_mac3(backend: Backend, card: CardSide) -> Any:
    return backend.purse.verify_unload_mac3(
        **DIALOGUE, rand4=RAND, balance_after_fen=1, amount_fen=1, mac3=bytes(4)
    )


def verify_overdraft_tac(backend: Backend, card: CardSide) -> Any:
    return backend.purse.verify_overdraft_tac(**DIALOGUE, balance_after_fen=1, new_limit_fen=1, tac=bytes(4))


def mac_command(backend: Backend, card: CardSide) -> Any:
    return backend.issuing.mac_command(
        chip_serial8=b"CHIP0001",
        transport_version=1,
        header=bytes.fromhex("04D69500"),
        data=b"",
        challenge=bytes(8),
        encrypt=False,
    )


OPERATIONS: list[tuple[str, Callable[[Backend, CardSide], Any], set[tuple[Usage, int, Intent]]]] = [
    ("load", authorise_load, {(Usage.LOAD, 1, Intent.SERVE)}),
    ("load TAC", verify_load_tac, {(Usage.TAC, 1, Intent.SERVE)}),
    ("unload", authorise_unload, {(Usage.UNLOAD, 1, Intent.SERVE)}),
    ("unload MAC3", verify_unload_mac3, {(Usage.UNLOAD, 1, Intent.SERVE)}),
    ("overdraft", authorise_overdraft, {(Usage.OVERDRAFT, 1, Intent.SERVE)}),
    ("overdraft TAC", verify_overdraft_tac, {(Usage.TAC, 1, Intent.SERVE)}),
    ("personalise", mac_command, {(Usage.TRANSPORT, 1, Intent.SERVE)}),
    *(
        (
            f"write {slot.name}",
            write_key(slot),
            {(Usage[slot.name], 1, Intent.ISSUE), (Usage.TRANSPORT, 2, Intent.SERVE)},
        )
        for slot in CARD_SLOTS
    ),
    # A new SAM must take the cards that are out there.
    (
        "SAM",
        write_key(KeySlot.PURCHASE, sam=True),
        {(Usage.PURCHASE, 1, Intent.SERVE), (Usage.TRANSPORT, 2, Intent.SERVE)},
    ),
    (
        "SAM maintenance",
        write_key(KeySlot.MAINTENANCE, sam=True),
        {(Usage.MAINTENANCE, 1, Intent.ISSUE), (Usage.TRANSPORT, 2, Intent.SERVE)},
    ),
    ("block", maintain("841E0000"), {(Usage.MAINTENANCE, 1, Intent.SERVE)}),
    ("PIN unblock", maintain("84240000", b"12", encrypt=True), {(Usage.PIN_UNBLOCK, 1, Intent.SERVE)}),
    ("PIN reload", maintain("805E0000", b"12", challenge=b""), {(Usage.PIN_RELOAD, 1, Intent.SERVE)}),
    ("authenticate", maintain("00820001"), {(Usage.CONTROL, 1, Intent.SERVE)}),
    (
        "index",
        lambda backend, card: backend.privacy.blind_index("t.c", [b"x"], 1),
        {(Usage.PII_INDEX, 1, Intent.SERVE)},
    ),
    (
        "new salts",
        lambda backend, card: backend.proofs.salts("t", bytes(8)),
        {(Usage.PROOF, 1, Intent.ISSUE)},
    ),
    ("salts", lambda backend, card: backend.proofs.salts("t", bytes(8), 1), {(Usage.PROOF, 1, Intent.SERVE)}),
    (
        "sign",
        lambda backend, card: backend.signing.sign(SignPurpose.SETTLEMENT_FILE, b"x"),
        {(Usage.SIGN, 1, Intent.ISSUE)},
    ),
    # Terminals still trust it: it signs until they know the next one.
    (
        "sign by version",
        lambda backend, card: backend.signing.sign(SignPurpose.SETTLEMENT_FILE, b"x", 1),
        {(Usage.SIGN, 1, Intent.SERVE)},
    ),
]
IDS = [name for name, _, _ in OPERATIONS]


def backend_under(policy: KeyPolicy, keys: KeyStore) -> Backend:
    return Backend(SoftwareVault(keys.keys), keys.issuer_factor8, policy)


@pytest.mark.parametrize(("name", "operation", "asked"), OPERATIONS, ids=IDS)
def test_what_each_operation_asks_for(
    demo_keys: KeyStore, card_side: CardSide, name: str, operation: Any, asked: set[Any]
) -> None:
    policy = Window(*Intent)
    operation(backend_under(policy, demo_keys), card_side)
    assert policy.asked == asked


@pytest.mark.parametrize(("name", "operation", "asked"), OPERATIONS, ids=IDS)
def test_a_retiring_version_serves_and_issues_nothing(
    demo_keys: KeyStore, card_side: CardSide, name: str, operation: Any, asked: set[Any]
) -> None:
    backend = backend_under(Window(Intent.SERVE), demo_keys)
    if any(version == 1 and intent is Intent.ISSUE for _, version, intent in asked):
        with pytest.raises(Refusal) as caught:
            operation(backend, card_side)
        assert caught.value.code is Code.KEY_NOT_PERMITTED
    else:
        operation(backend, card_side)


@pytest.mark.parametrize(("name", "operation", "asked"), OPERATIONS, ids=IDS)
def test_a_disabled_version_does_nothing(
    demo_keys: KeyStore, card_side: CardSide, name: str, operation: Any, asked: set[Any]
) -> None:
    with pytest.raises(Refusal) as caught:
        operation(backend_under(Window(), demo_keys), card_side)
    assert caught.value.code is Code.KEY_NOT_PERMITTED


def test_taps_of_a_disabled_version_are_not_right(demo_keys: KeyStore, card_side: CardSide) -> None:
    """In bulk a refused version must not stop the others."""
    old, new = (card_side.purchase_record(SERIAL, 200, 7, version=version) for version in (1, 2))
    serving, disabled = (backend_under(policy, demo_keys) for policy in (Window(Intent.SERVE), Window()))
    assert serving.purse.verify_purchase_tacs(old + new) == b"\x01\x01"
    assert disabled.purse.verify_purchase_tacs(old + new) == bytes([UNCHECKED, RIGHT])


def test_fields_are_sealed_with_the_current_key_and_opened_with_older_ones(demo_keys: KeyStore) -> None:
    everything = backend_under(AllActive(name for name in demo_keys.masters if name[1] == 1), demo_keys)
    old = everything.privacy.seal([(PLACE, b"x")])
    serving, disabled = (backend_under(policy, demo_keys) for policy in (Window(Intent.SERVE), Window()))
    new = serving.privacy.seal([(PLACE, b"x")])
    assert (old[0][2:6], new[0][2:6]) == (b"\0\0\0\1", b"\0\0\0\2")
    assert serving.privacy.open([(PLACE, old[0]), (PLACE, new[0])]) == [b"x", b"x"]
    assert disabled.privacy.open([(PLACE, new[0])]) == [b"x"]
    with pytest.raises(Refusal) as caught:
        disabled.privacy.open([(PLACE, old[0])])
    assert caught.value.code is Code.KEY_NOT_PERMITTED
