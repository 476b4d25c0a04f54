"""The number of statements does not grow with the batch."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Card
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import build_batch
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db


def statements(field: Field, card: Card, number: str, first: int, count: int) -> int:
    records = [field.tap(card, atc, 1) for atc in range(first, first + count)]
    body = build_batch(number, [*records, *records])
    with CaptureQueriesContext(
        connection,
    ) as captured:
        batch = accept_batch(terminal=field.terminal, body=body)
    assert (batch.accepted, batch.duplicate) == (count, count)
    return len(captured)


def test_a_hundred_records_take_as_many_statements_as_one(field: Field, card: Card) -> None:
    statements(field, card, "B0", 0, 1)  # opens the suspense accounts
    assert statements(field, card, "B1", 1, 1) == statements(field, card, "B2", 2, 100)
