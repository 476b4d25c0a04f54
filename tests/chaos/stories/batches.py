"""A terminal's batch: all of it or nothing, and once it was answered it is there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from accounts.models import Card
from citizencard.core.keyservice.keystore import load_demo_keys
from terminals.models import Batch, Refusal, Tap, Terminal
from terminals.selectors.invariants import broken
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import build_batch
from tests.chaos.gateway import Gateway
from tests.chaos.stories.story import Story, differences, purse_fen
from tests.factories import fill_purse, make_card
from tests.terminals.field import Field

DEMO_KEYS = Path(__file__).resolve().parents[3] / "fixtures" / "demo_keys.json"
FILLING_FEN, TAPS, AMOUNT_FEN = 1_000, 4, 100
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Depot:
    """A terminal with a file to hand in: four purchases, one of them twice, and one with a wrong TAC."""

    terminal: Terminal
    card: Card
    body: bytes


def depot(gateway: Gateway) -> Depot:
    field = Field.install(load_demo_keys(DEMO_KEYS, environment="demo"), f"depot-{next(_numbers)}")
    card = make_card()
    fill_purse(card, FILLING_FEN)
    taps = [field.tap(card, atc, AMOUNT_FEN) for atc in range(TAPS)]
    forged = type(taps[0]).from_dict(field.tap(card, TAPS).to_dict() | {"tac": "00000000"})
    return Depot(field.terminal, card, build_batch("B1", [*taps, taps[0], forged]))


def hand_in(gateway: Gateway, depot: Depot) -> None:
    accept_batch(terminal=depot.terminal, body=depot.body)


def all_of_it(gateway: Gateway, depot: Depot) -> list[str]:
    """Every record in its place once, and what hangs on them agrees."""
    terminal = Terminal.objects.get(pk=depot.terminal.pk)
    batches = Batch.objects.filter(terminal=terminal).values_list("accepted", "duplicate", "rejected")
    kept = list(batches)
    ids = list(Batch.objects.filter(terminal=terminal).values_list("pk", flat=True))
    seen = sum(bounds.upper - bounds.lower for bounds in terminal.sequences_seen)
    return differences(
        batches=(kept, [(TAPS, 1, 1)]),
        taps=(Tap.objects.filter(terminal_id=terminal.pk).count(), TAPS),
        refusals=(Refusal.objects.filter(batch_id__in=ids).count(), 2),
        purse=(purse_fen(depot.card.purse), FILLING_FEN - TAPS * AMOUNT_FEN),
        sequences=(seen, TAPS),
        rules=([str(breach) for breach in broken()], []),
    )


STORIES = (Story("offline batch, handed in again", depot, hand_in, hand_in, all_of_it),)
