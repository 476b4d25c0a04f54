"""A forged copy in front of the true record, in one upload, takes nothing from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accounts.models import Card
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import build_batch
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db


def test_the_true_record_behind_its_forged_copy_is_accepted(field: Field, card: Card) -> None:
    tap = field.tap(card, 1)
    body = build_batch("B1", [replace(tap, amount_fen=100), tap])
    batch = accept_batch(terminal=field.terminal, body=body)
    assert (batch.accepted, batch.rejected, batch.duplicate, batch.suspended) == (1, 1, 0, 0)
