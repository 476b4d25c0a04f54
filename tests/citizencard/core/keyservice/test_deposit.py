from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.keystore import Usage
from terminals.card import crypto
from terminals.card.crypto import TransactionType
from tests.citizencard.core.keyservice.cards import TERMINAL, WHEN, CardSide

SERIAL = bytes.fromhex("5170070104791381")
RAND = bytes.fromhex("11223344")
DIALOGUE: dict[str, Any] = {
    "serial8": SERIAL,
    "key_version": 1,
    "online_atc": 41,
    "terminal_no6": TERMINAL,
    "when": WHEN,
}
UNLOAD = DIALOGUE | {"rand4": RAND, "balance_fen": 9000, "amount_fen": 2500}
OVERDRAFT = DIALOGUE | {"rand4": RAND, "balance_fen": 9000, "old_limit_fen": 800, "new_limit_fen": 1000}


def session(card_side: CardSide, usage: Usage, version: int = 1) -> bytes:
    return crypto.load_session_key(card_side.key(usage, version, SERIAL), RAND, 41)


@pytest.mark.parametrize("version", [1, 2])
def test_load_of_the_deposit_has_a_type_of_its_own(
    key_service: KeyServiceClient, card_side: CardSide, version: int
) -> None:
    key = session(card_side, Usage.LOAD, version)
    load = DIALOGUE | {"key_version": version, "amount_fen": 5000, "kind": TransactionType.ED_LOAD}
    mac2 = key_service.authorise_load(
        **load, rand4=RAND, balance_fen=500, mac1=crypto.load_mac1(key, 500, 5000, 1, TERMINAL)
    )
    assert mac2 == crypto.load_mac2(key, 5000, 1, TERMINAL, WHEN)
    tac = crypto.load_tac(card_side.key(Usage.TAC, version, SERIAL), 5500, 41, 5000, 1, TERMINAL, WHEN)
    assert key_service.verify_load_tac(**load, balance_after_fen=5500, tac=tac)
    as_purse = load | {"kind": TransactionType.LOAD}
    assert not key_service.verify_load_tac(**as_purse, balance_after_fen=5500, tac=tac)


def test_no_other_transaction_passes_as_a_load(key_service: KeyServiceClient) -> None:
    request = DIALOGUE | {"rand4": RAND, "balance_fen": 500, "amount_fen": 1, "mac1": bytes(4)}
    for kind in set(TransactionType) - {TransactionType.LOAD, TransactionType.ED_LOAD}:
        with pytest.raises(KeyServiceError) as caught:
            key_service.authorise_load(**request, kind=kind)
        assert caught.value.refusal == "bad_request"


@pytest.mark.parametrize("version", [1, 2])
def test_unload(key_service: KeyServiceClient, card_side: CardSide, version: int) -> None:
    key = session(card_side, Usage.UNLOAD, version)
    request = UNLOAD | {"key_version": version}
    mac2 = key_service.authorise_unload(**request, mac1=crypto.load_mac1(key, 9000, 2500, 3, TERMINAL))
    assert mac2 == crypto.load_mac2(key, 2500, 3, TERMINAL, WHEN)
    answer = DIALOGUE | {"key_version": version, "rand4": RAND, "amount_fen": 2500}
    mac3 = crypto.unload_mac3(key, 6500, 41, 2500, TERMINAL, WHEN)
    assert key_service.verify_unload_mac3(**answer, balance_after_fen=6500, mac3=mac3)
    assert not key_service.verify_unload_mac3(**answer, balance_after_fen=9000, mac3=mac3)
    assert not key_service.verify_unload_mac3(
        **answer, balance_after_fen=6500, mac3=crypto.xor(mac3, b"\0\0\0\1")
    )


@pytest.mark.parametrize("version", [1, 2])
def test_new_overdraft_limit(key_service: KeyServiceClient, card_side: CardSide, version: int) -> None:
    key = session(card_side, Usage.OVERDRAFT, version)
    request = OVERDRAFT | {"key_version": version}
    mac2 = key_service.authorise_overdraft(**request, mac1=crypto.overdraft_mac1(key, 9000, 800, TERMINAL))
    assert mac2 == crypto.overdraft_mac2(key, 1000, TERMINAL, WHEN)
    answer = DIALOGUE | {"key_version": version, "new_limit_fen": 1000}
    tac = crypto.overdraft_tac(card_side.key(Usage.TAC, version, SERIAL), 9200, 41, 1000, TERMINAL, WHEN)
    assert key_service.verify_overdraft_tac(**answer, balance_after_fen=9200, tac=tac)
    assert not key_service.verify_overdraft_tac(**answer, balance_after_fen=9000, tac=tac)


@settings(max_examples=40, deadline=None)
@given(
    bit=st.integers(0, 14),
    field=st.sampled_from(["mac1", "balance_fen", "amount_fen", "online_atc", "serial8", "rand4"]),
)
def test_an_unload_the_card_did_not_ask_for(
    key_service: KeyServiceClient, card_side: CardSide, bit: int, field: str
) -> None:
    key = session(card_side, Usage.UNLOAD)
    request = changed(UNLOAD | {"mac1": crypto.load_mac1(key, 9000, 2500, 3, TERMINAL)}, field, bit)
    with pytest.raises(KeyServiceError) as caught:
        key_service.authorise_unload(**request)
    assert caught.value.refusal == "mac_invalid"


@settings(max_examples=40, deadline=None)
@given(
    bit=st.integers(0, 14),
    field=st.sampled_from(["mac1", "balance_fen", "old_limit_fen", "online_atc", "serial8", "rand4"]),
)
def test_a_limit_the_card_did_not_ask_for(
    key_service: KeyServiceClient, card_side: CardSide, bit: int, field: str
) -> None:
    key = session(card_side, Usage.OVERDRAFT)
    request = changed(OVERDRAFT | {"mac1": crypto.overdraft_mac1(key, 9000, 800, TERMINAL)}, field, bit)
    with pytest.raises(KeyServiceError) as caught:
        key_service.authorise_overdraft(**request)
    assert caught.value.refusal == "mac_invalid"


def changed(request: dict[str, Any], field: str, bit: int) -> dict[str, Any]:
    value = request[field]
    if isinstance(value, bytes):
        return request | {field: (int.from_bytes(value) ^ 1 << bit).to_bytes(len(value))}
    return request | {field: value ^ 1 << bit}


def test_a_load_key_does_not_unload(key_service: KeyServiceClient, card_side: CardSide) -> None:
    key = session(card_side, Usage.LOAD)
    with pytest.raises(KeyServiceError) as caught:
        key_service.authorise_unload(**UNLOAD, mac1=crypto.load_mac1(key, 9000, 2500, 3, TERMINAL))
    assert caught.value.refusal == "mac_invalid"
