"""A card torn from the field, or robbed of its power, at every moment of everything it can do, and at random."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest

from terminals.card.apdu import ProofNotAvailable
from terminals.card.errors import CardRemoved
from terminals.card.purse import PurseSession
from terminals.readers.memory import MemoryTransport
from tests.terminals.simulator.torn import OPERATIONS, Life, Moment, Operation, TornTransport

TEARS = int(os.environ.get("CITIZENCARD_TEARS", "500"))
"""Tears of the random walk; a long run is CITIZENCARD_TEARS=100000."""
MOST_COMMANDS = 6
AMOUNT = 250
NEVER = 1 << 30


def attempt(
    life: Life, operation: Operation, amount: int, at: int, moment: Moment, skipped_writes: int = 0
) -> tuple[str, int, bool]:
    """Do it until the card is torn off; the card must be as before or as after, and know which.

    Returns the torn command (empty if it never came to that), the number of commands and whether it was done.
    """
    before, after = life.book, operation.after(life.book, amount)
    sequence = life.psam.state.terminal_seq
    transport = TornTransport(life.chip(), life.store, at, moment, skipped_writes)
    try:
        operation.run(life.desk(transport), amount)
    except CardRemoved:
        assert transport.torn
    else:
        assert not transport.torn
    seen = life.seen()
    assert seen in (before, after)
    done = seen == after
    if operation.kind is not None:
        assert proved(life, operation, amount, sequence) is done
    assert done or transport.torn
    life.book = seen
    return transport.torn, transport.sent, done


def proved(life: Life, operation: Operation, amount: int, sequence: int) -> bool:
    """What GET TRANSACTION PROVE says about it; the TAC must be the right one. `life.book` is the one before."""
    purse = PurseSession(MemoryTransport(life.chip()))
    purse.select()
    try:
        proof = purse.transaction_prove(operation.proof_kind, operation.counter_after(life.book))
    except ProofNotAvailable:
        return False
    assert proof.tac == operation.tac(life.book, amount, sequence)
    return True


@pytest.fixture
def rich() -> Life:
    life = Life()
    for operation in OPERATIONS:
        if operation.name in ("load", "deposit_load"):
            attempt(life, operation, 10_000, NEVER, Moment.COMMAND_LOST)
    return life


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_torn_at_every_command(rich: Life, operation: Operation, record_property: Counted) -> None:
    tears = 0
    for moment in Moment:
        for skipped_writes in (0, 1) if moment in (Moment.WRITE_LOST, Moment.WRITTEN) else (0,):
            at, torn, dones = 1, "first", []
            while torn:
                torn, _, done = attempt(rich, operation, AMOUNT, at, moment, skipped_writes)
                rich.mend()
                dones.append(done)
                at += 1
            tears += len(dones) - 1
            if operation.kind is not None:
                # Nothing happens before the last command; there the moment decides. A second write never comes.
                last = moment in (Moment.WRITTEN, Moment.ANSWER_LOST) or skipped_writes == 1
                assert dones == [False] * (len(dones) - 2) + [last, True]
    record_property("counted", f"{operation.name}: {tears} tears")


Counted = Callable[[str, str], None]


def test_a_card_torn_at_random_loses_and_gains_nothing(record_property: Counted) -> None:
    chance, life, tears = random.Random(20261120), Life(), Counter[tuple[str, Moment]]()
    operations = done_count = 0
    while sum(tears.values()) < TEARS:
        operation, amount = chance.choice(OPERATIONS), chance.choice((0, 1, AMOUNT, 5_000))
        if (amount == 0 and "load" in operation.name) or not operation.possible(life.book, amount):
            continue
        at, moment = chance.randint(1, MOST_COMMANDS), chance.choice(list(Moment))
        torn, _, done = attempt(life, operation, amount, at, moment, chance.randint(0, 1))
        life.mend()
        operations, done_count = operations + 1, done_count + done
        if torn:
            tears[torn, moment] += 1
    commands = len({command for command, _ in tears})
    record_property(
        "counted",
        f"{operations} operations, {sum(tears.values())} tears at {commands} different commands, {done_count} done; "
        f"{life.book.purse.offline + life.book.purse.online} transactions of the purse, "
        f"{life.book.deposit.offline + life.book.deposit.online} of the deposit",
    )
    assert {moment for _, moment in tears} == set(Moment)
    assert life.psam.state.terminal_seq > life.book.purse.offline + life.book.deposit.offline
