"""`manage.py readcard` over dumps of real cards: a table, JSON, or one sentence."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from citizencard.management.cardtables import card_tables
from citizencard.management.commands import readcard
from terminals.card.describe import describe_card
from terminals.card.errors import CardRemoved
from terminals.card.transport import Transport
from terminals.readers.memory import MemoryTransport, SimulatedChip
from terminals.readers.pcsc import PcscTransport
from terminals.simulator.vpcd import VpcdSlot
from tests.terminals.card.replay import DUMPS, ReplayCard, dump
from tests.terminals.cards import PIN, Till, card_spec, issued_chip, issued_psam
from tests.terminals.readers.conftest import pcscd

__all__ = ["pcscd"]
READER = "Virtual PCD 00 00"
Lay = Callable[[SimulatedChip], None]


@pytest.fixture
def lay(monkeypatch: pytest.MonkeyPatch) -> Lay:
    """Lay a card on the reader that the command will open."""

    def on_reader(chip: SimulatedChip) -> None:
        @contextmanager
        def opened(reader: str | None, directory: str | None) -> Iterator[Transport]:
            with closing(MemoryTransport(chip)) as transport:
                yield transport

        monkeypatch.setattr(readcard, "card_transport", opened)

    return on_reader


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("readcard", *words, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("name", DUMPS)
def test_json_is_the_description(lay: Lay, name: str) -> None:
    lay(dump(name))
    assert json.loads(run("--json")) == describe_card(MemoryTransport(dump(name)))


@pytest.mark.parametrize("name", DUMPS)
def test_the_table_shows_number_validity_balance_log_and_trips(lay: Lay, name: str) -> None:
    expected = DUMPS[name]["expected"]
    lay(dump(name))
    text = run()
    assert (expected.get("card_number") or "") in text
    assert expected.get("expiry", "") in text
    if expected["balance_fen"] is not None:
        assert f"{expected['balance_fen'] / 100:.2f}" in text
    for entry in (expected.get("log") or []) + (expected.get("trips") or []):
        assert entry["when"].replace("T", " ") in text
        assert f"{entry['amount_fen'] / 100:.2f}" in text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh-hans", "有效期 交通联合 出站 地铁 复合消费"),
        ("zh-hant", "交通聯合 捷運"),
        ("en", "valid T-Union exit metro"),
    ],
)
def test_the_table_speaks_the_language(lay: Lay, language: str, words: str) -> None:
    lay(dump("t-union-trip"))
    with translation.override(language):
        text = run()
    assert [word for word in words.split() if word not in text] == []


def test_our_own_card_shows_overdraft_deposit_and_holder(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    chip = issued_chip(card_spec(balance_fen=800, overdraft_limit_fen=800, application_type=3))
    till = Till.over(MemoryTransport(chip), MemoryTransport(issued_psam()))
    till.pay(250)
    lay(chip)
    monkeypatch.setattr(readcard, "getpass", lambda prompt: PIN)
    with translation.override("en"):
        text = run("--pin")
    assert [word for word in ("-2.50", "2.50 / 8.00", "张晓明", "purchase") if word not in text] == []


def test_text_from_a_chip_cannot_command_the_terminal_window() -> None:
    shown = describe_card(MemoryTransport(dump("t-union")))
    shown["holder"] = {"name": "\x1b[2J[red]x", "document_number": ""}
    (table, *_) = card_tables(shown)
    cells = list(table.columns[1].cells)
    assert cells[-1] == "\N{REPLACEMENT CHARACTER}[2J\\[red]x"


def test_what_does_not_parse_is_shown_raw(lay: Lay) -> None:
    answers = DUMPS["t-union-trip"]["answers"]
    raw = "FF" * 15 + "01"
    lay(
        ReplayCard(
            answers | {"00B201C400": raw + "9000", "00B201F400": raw + "9000", "00B201D400": "0102039000"}
        )
    )
    text = run()
    assert text.count(raw) == 2
    assert "raw: 010203" in text


def test_a_card_without_a_purse_is_one_sentence(lay: Lay) -> None:
    lay(ReplayCard({}))
    with pytest.raises(CommandError, match=r"^The card holds no supported purse application\.$"):
        run()


def test_a_card_pulled_while_it_is_read_is_one_sentence(lay: Lay) -> None:
    class Pulled(ReplayCard):
        def transmit(self, apdu: bytes) -> bytes:
            if apdu[1] == 0x5C:
                raise CardRemoved("the card was pulled")
            return super().transmit(apdu)

    lay(Pulled(DUMPS["t-union"]["answers"]))
    with pytest.raises(CommandError, match=r"^The card was pulled\.$"):
        run("--json")


@pytest.mark.pcsc
@pytest.mark.usefixtures("pcscd")
def test_dumps_are_read_in_a_real_reader() -> None:
    with VpcdSlot(0) as slot:
        for name in DUMPS:
            shown: dict[str, Any] = describe_card(MemoryTransport(dump(name)))
            slot.insert(dump(name))
            PcscTransport(READER, wait_seconds=10).close()
            assert json.loads(run("--reader", READER, "--json")) == shown
            slot.remove()
