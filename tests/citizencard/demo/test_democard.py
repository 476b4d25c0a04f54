"""`manage.py democard`, as a stranger starts it to try a program of his own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from citizencard.core.keyservice.keystore import KeyStore, Usage
from citizencard.demo.pair import BALANCE_FEN, NUMBER, PIN, TERMINAL_NO
from terminals.card.crypto import TransactionType, diversify_levels, purchase_tac
from terminals.card.describe import describe_card
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.card.transport import Transport
from tests.terminals.cards import WHEN
from tests.terminals.readers.slots import TcpTransport

PROJECT = Path(__file__).resolve().parents[3]
SECONDS = 60
SERIAL8 = bytes.fromhex(NUMBER[-16:])


@contextmanager
def democard(folder: Path) -> Iterator[tuple[Transport, Transport]]:
    """The command, until interrupted."""
    port = free_pair()
    words = [sys.executable, "manage.py", "democard", "--tcp", str(port), "--folder", str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "KEY_SERVICE_SOCKET"}
    with subprocess.Popen(words, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert NUMBER in program.stdout.readline()
        yield TcpTransport(port), TcpTransport(port + 1)
        program.send_signal(signal.SIGINT)
        assert program.wait(SECONDS) == 0


def free_pair() -> int:
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no free pair of ports")


def test_a_stranger_reads_the_card_and_buys_with_the_sam(tmp_path: Path, demo_keys: KeyStore) -> None:
    with democard(tmp_path) as (card, sam):
        shown = describe_card(card, PIN)
        assert (shown["card_number"], shown["balance_fen"]) == (NUMBER, BALANCE_FEN)
        purse, till = PurseSession(card), SamSession(sam)
        assert purse.record(0x1A, 0x27)[:2] == bytes.fromhex("2701")
        assert till.open().terminal_no.hex() == TERMINAL_NO
        purse.select()
        init = purse.init_purchase(250, bytes.fromhex(TERMINAL_NO))
        kind = TransactionType.PURCHASE
        debit = till.init_for_purchase(init, amount_fen=250, kind=kind, when=WHEN, card_serial8=SERIAL8)
        proof = purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
        till.credit(proof.mac2)
    dtk = diversify_levels(demo_keys.masters[Usage.TAC, 1], demo_keys.issuer_factor8, SERIAL8)
    expected = purchase_tac(dtk, 250, kind, bytes.fromhex(TERMINAL_NO), debit.terminal_seq, WHEN)
    assert proof.tac == expected
    with democard(tmp_path) as (card, _):
        assert describe_card(card)["balance_fen"] == BALANCE_FEN - 250
    image = json.loads((tmp_path / NUMBER / "chip.json").read_text())
    assert image["offline_atc"] == 1
