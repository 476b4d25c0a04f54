from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.card.apdu import WrongPin
from terminals.card.describe import describe_card
from terminals.card.errors import CardError
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.state import Phase
from tests.terminals.card.replay import DUMPS, ReplayCard
from tests.terminals.cards import CARD_NUMBER, PIN, Till, blank_chip


def test_a_card_shows_everything_but_the_holder(till: Till, chip: Chip) -> None:
    till.load(5000)
    till.pay(180)
    shown = describe_card(MemoryTransport(chip))
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["family"], shown["card_number"], shown["blocked"]) == ("t-union", CARD_NUMBER, False)
    assert shown["balance_fen"] == 4820
    assert shown["application"]["expiry"] == "2046-12-31"
    assert [entry["kind_name"] for entry in shown["log"]] == ["purchase", "load"]
    assert shown["log"][0]["when"] == "2026-11-20T08:15:30"
    assert shown["log"][0]["terminal_no"] == "362000000017"
    assert shown["trips"] == []
    assert "6982" in shown["holder"]["error"]


def test_the_pin_opens_the_holder(chip: Chip) -> None:
    assert describe_card(MemoryTransport(chip), PIN)["holder"]["name"] == "张晓明"
    with pytest.raises(WrongPin):
        describe_card(MemoryTransport(chip), "000000")


def test_a_blocked_card_is_described_as_such(chip: Chip) -> None:
    chip.commit(phase=Phase.BLOCKED)
    shown = describe_card(MemoryTransport(chip))
    assert shown["blocked"] is True
    assert shown["card_number"] == CARD_NUMBER


def test_a_blank_card_has_no_number() -> None:
    shown = describe_card(MemoryTransport(blank_chip()))
    assert shown["card_number"] is None
    assert "PublicInfo" in shown["application"]["error"]


def test_a_spoilt_log_record_is_said_and_the_rest_shown(chip: Chip) -> None:
    chip.commit(log=[b"\x01" * 22 + b"\x99"])
    shown = describe_card(MemoryTransport(chip))
    spoilt = shown["log"][0]
    assert spoilt["raw"] == "01" * 22 + "99"
    assert "LogRecord.when" in spoilt["error"]
    assert shown["balance_fen"] == 0


def test_another_kind_of_card_is_not_supported(psam: Psam) -> None:
    with pytest.raises(CardError, match="no supported purse"):
        describe_card(MemoryTransport(psam))


sws = st.sampled_from(["9000", "6283", "6A83", "6A82", "6982", "6C04", "6110", "6700"])
answers = st.builds(lambda data, sw: data.hex() + sw, st.binary(max_size=60), sws)


class Babbling(ReplayCard):
    """Answers a dump's commands with anything at all."""

    def __init__(self, name: str, spoken: list[str]) -> None:
        known = DUMPS[name]["answers"]
        super().__init__(known | dict(zip(known, spoken, strict=False)), refusal=spoken[-1])


@given(st.sampled_from(sorted(DUMPS)), st.lists(answers, min_size=1, max_size=6))
def test_whatever_a_card_answers_is_described_or_refused(name: str, spoken: list[str]) -> None:
    card = Babbling(name, spoken)
    try:
        shown = describe_card(MemoryTransport(card))
    except CardError:
        return
    finally:
        assert len(card.asked) < 2_000
    assert json.loads(json.dumps(shown)) == shown
