"""Records packed all at once are the records packed one by one."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citizencard.core.keyservice.protocol import pack_tac_record
from terminals.services.acceptance.packing import JUDGING, copy_block, multirange, pack_tac_records
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from terminals.wire.upload import Lines, split_batch
from tests.terminals.wire.test_record import records


def lines_of(kept: list[TapRecord]) -> Lines:
    return split_batch(build_batch("B", kept)).lines


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records, max_size=5))
def test_the_key_service_is_asked_what_it_would_be_asked_one_by_one(kept: list[TapRecord]) -> None:
    one_by_one = [
        pack_tac_record(
            serial8=bytes.fromhex(record.card_no[-16:]),
            key_version=record.key_version,
            amount_fen=record.amount_fen,
            kind=record.type,
            terminal_no6=bytes.fromhex(record.terminal_no),
            terminal_seq=record.terminal_seq,
            when=record.occurred_at,
            tac4=bytes.fromhex(record.tac),
        )
        for record in kept
    ]
    assert pack_tac_records(lines_of(kept).rows) == b"".join(one_by_one)


@pytest.mark.django_db
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(records, st.booleans(), st.integers(0, 8)), max_size=5))
def test_postgresql_takes_what_it_would_take_row_by_row(kept: list[tuple[TapRecord, bool, int]]) -> None:
    lines = lines_of([record for record, *_ in kept])
    judging = np.array([(flag, outcome, not flag) for _, flag, outcome in kept], JUDGING)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS taken (line int4, pan text, atc int4, seq int8, kind int2, amount int4, "
            "balance int4, occurred_at timestamptz, tac bytea, key_version int2, place text, trip text, tac_right bool, holding int2, alone bool); TRUNCATE taken"
        )
        with cursor.copy("COPY taken FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(copy_block(lines.rows, judging, lines.octets))
        cursor.execute(
            "SELECT line, pan, atc, seq, kind, amount, balance, extract(epoch FROM occurred_at)::int8, tac, key_version, place, trip, tac_right, holding, alone "
            "FROM taken ORDER BY line"
        )
        taken = [(*row[:8], bytes(row[8]), *row[9:]) for row in cursor.fetchall()]
    assert taken == [
        (
            line,
            record.card_no,
            record.atc,
            record.terminal_seq,
            record.type,
            record.amount_fen,
            record.balance_fen,
            int(record.occurred_at.timestamp()),
            bytes.fromhex(record.tac),
            record.key_version,
            record.place,
            record.trip,
            flag,
            outcome,
            not flag,
        )
        for line, (record, flag, outcome) in enumerate(kept, start=2)
    ]


@pytest.mark.django_db
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 12) | st.integers(0, 0xFFFF_FFFF), max_size=12))
def test_numbers_become_the_multirange_of_their_ranges(numbers: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT %s::int8multirange = coalesce(range_agg(int8range(n, n, '[]')), '{}') FROM unnest(%s::int8[]) AS n",
            [multirange(np.array(numbers, np.int64)), numbers],
        )
        assert cursor.fetchone() == (True,)
