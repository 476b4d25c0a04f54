"""The whole terminal program over PC/SC: cards are laid on a reader and taken away, the SAM sits in another one."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from terminals.program.cli import EXAMPLE
from terminals.program.config import read_settings
from terminals.program.loop import Program
from terminals.program.orders import Orders
from terminals.program.post import Post
from terminals.program.wiring import program_of
from terminals.simulator.vpcd import VpcdSlot
from tests.terminals import cards
from tests.terminals.program.fares import published
from tests.terminals.program.posts import MARKS, NOON, STUDENT, chip
from tests.terminals.program.test_loop import write_key

pytestmark = [pytest.mark.pcsc, pytest.mark.usefixtures("pcscd")]
WAIT_S = 8.0


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def at(program: Program, orders: Orders, post: Post) -> None:
    program.terminal.orders, program.terminal.post = orders, post


def test_three_modes_over_real_readers(tmp_path: Path) -> None:
    write_key(tmp_path / "key.pem")
    (tmp_path / "terminal.toml").write_text(EXAMPLE.replace("http://127.0.0.1:8000", "http://127.0.0.1:9"))
    stream, card, clock = io.StringIO(), chip(STUDENT), [NOON]

    def shown() -> list[str]:
        lines = map(json.loads, stream.getvalue().splitlines())
        return [line["reason"]["code"] for line in lines if "reason" in line]

    with ExitStack() as stack:
        reader, sam = (stack.enter_context(VpcdSlot(slot)) for slot in (0, 1))
        sam.insert(cards.issued_psam())
        program = stack.enter_context(
            program_of(
                read_settings(tmp_path / "terminal.toml"),
                stream=stream,
                as_json=True,
                own_clock=lambda: clock[-1],
            )
        )
        work = threading.Thread(target=program.run)
        bus = replace(program.terminal.post, tariff="bus")
        steps = [
            (bus, ""), (replace(bus, channel="metro", tariff="metro", role="entry", stop="0101"), ""),
            (replace(bus, channel="metro", tariff="metro", role="exit", stop="0104"), ""),
            (replace(bus, channel="shop", tariff="shop"), "amount 12.50"),
        ]  # fmt: skip
        work.start()
        for number, (post, typed) in enumerate(steps, 1):
            at(program, published(post.tariff, marks=MARKS), post)
            clock.append(clock[-1] + timedelta(minutes=30))
            if typed:
                program.keypad.type(typed)
            reader.insert(card)
            until(lambda count=number: len(shown()) == count)  # type: ignore[misc]
            reader.remove()
        program.stop()
        work.join(WAIT_S)
        assert not work.is_alive()
        assert program.terminal.memory.state.unsent == 4
    assert shown() == ["accepted", "entry", "accepted", "accepted"], stream.getvalue()
    assert card.state.balance_fen == 5_000 - 150 - 200 - 1_250
