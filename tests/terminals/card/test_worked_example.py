"""The worked example of docs/card.md: every number in it, from the demo keys, and the conversation held once more."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from terminals.card import crypto
from terminals.card.keys import KeySlot
from terminals.card.personalise import personalise, personalise_sam
from terminals.card.sam import SamSession
from terminals.card.status import StatusWord
from terminals.readers.memory import MemoryTransport
from tests.terminals.cards import SampleKeyWriter, blank_chip, blank_psam, card_spec, sam_spec

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/card.md").read_text("utf-8")
DEMO = json.loads((ROOT / "fixtures/demo_keys.json").read_text("utf-8"))
FACTOR = bytes.fromhex(DEMO["issuer_factor"])
MASTERS = {(key["usage"], key["version"]): bytes.fromhex(key["value"]) for key in DEMO["keys"]}
NUMBER = "3104397000000000001"
TERMINAL = bytes.fromhex("397000000101")
WHEN = datetime.fromisoformat("2026-11-20T08:15:30")
RAND = bytes.fromhex("84176AD7")
SPEC = card_spec(NUMBER)
SERIAL = SPEC.public_info.serial8
LINE = re.compile(r"^(card|SAM ) ([<>]) ((?:[0-9A-F]{2,} ?)+)", re.MULTILINE)


class DemoKeyWriter(SampleKeyWriter):
    """The issuer's keys of the demo city."""

    def master(self, slot: KeySlot, version: int) -> bytes:
        return crypto.diversify(MASTERS[slot.name, version], FACTOR)


KEYS = DemoKeyWriter()


def printed(value: bytes) -> bool:
    return f"`{value.hex().upper()}`" in TEXT


@pytest.mark.parametrize("usage", ["TAC", "PURCHASE", "LOAD"])
def test_the_table_of_keys(usage: str) -> None:
    card_key = KEYS.of(KeySlot[usage], SERIAL)
    row = [MASTERS[usage, 1], KEYS.master(KeySlot[usage], 1), card_key, crypto.kcv(card_key)]
    assert f"| {usage} | " + " | ".join(f"`{value.hex().upper()}`" for value in row) + " |" in TEXT


def test_factor_serial_session_keys_and_tac_key() -> None:
    load = crypto.load_session_key(KEYS.of(KeySlot.LOAD, SERIAL), RAND, 0)
    purchase = crypto.purchase_session_key(KEYS.of(KeySlot.PURCHASE, SERIAL), RAND, 0, 1)
    tac_key = crypto.tac_key(KEYS.of(KeySlot.TAC, SERIAL))
    assert [value for value in (SERIAL, RAND, load, purchase, tac_key) if not printed(value)] == []
    assert FACTOR.hex().upper() in TEXT


def test_the_conversation() -> None:
    spec = replace(SPEC, public_info=replace(SPEC.public_info, issuer_id=bytes.fromhex("01013970FFFFFFFF")))
    chip, psam = blank_chip(), blank_psam()
    personalise(MemoryTransport(chip), spec, KEYS)
    personalise_sam(MemoryTransport(psam), sam_spec(TERMINAL), KEYS)
    sam = MemoryTransport(psam)
    SamSession(sam).open()
    chips = {"card": MemoryTransport(chip), "SAM ": sam}
    lines = [(name, way, bytes.fromhex(octets)) for name, way, octets in LINE.findall(TEXT)]
    assert len(lines) == 18
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(secrets, "token_bytes", lambda size: RAND[:size])
        for (name, _, command), (_, _, answer) in zip(lines[::2], lines[1::2], strict=True):
            data, sw = chips[name].transmit(command)
            assert (data + sw.to_bytes(2)).hex().upper() == answer.hex().upper(), command.hex()


def test_every_value_of_the_conversation_is_what_the_tables_say() -> None:
    load = crypto.load_session_key(KEYS.of(KeySlot.LOAD, SERIAL), RAND, 0)
    purchase = crypto.purchase_session_key(KEYS.of(KeySlot.PURCHASE, SERIAL), RAND, 0, 1)
    dtk = KEYS.of(KeySlot.TAC, SERIAL)
    values = (
        crypto.load_mac1(load, 0, 5000, 2, TERMINAL),
        crypto.load_mac2(load, 5000, 2, TERMINAL, WHEN),
        crypto.load_tac(dtk, 5000, 0, 5000, 2, TERMINAL, WHEN),
        crypto.purchase_mac1(purchase, 200, 6, TERMINAL, WHEN),
        crypto.purchase_mac2(purchase, 200),
        crypto.purchase_tac(dtk, 200, 6, TERMINAL, 1, WHEN),
    )
    conversation = TEXT.split("## Worked example")[1].split("## Transactions")[0]
    assert [value.hex().upper() for value in values if value.hex().upper() not in conversation] == []


def test_every_status_word_is_in_the_table() -> None:
    table = TEXT.split("## Status words")[1].split("## What the public")[0]
    assert [word.name for word in StatusWord if f"{word:04X}" not in table] == []
