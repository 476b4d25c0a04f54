"""Acceptance of an offline batch, next to a binary COPY of the same taps into a bare table."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Barrier, Thread
from time import perf_counter

import requests
from django.db import connection
from django.utils import timezone
from requests import PreparedRequest

from benchmarks.databases import execute_as_owner
from benchmarks.field import Till, Wallet, minutes_ago
from benchmarks.timing import Result, Rounds
from settlement.selectors.audit import broken_invariants
from terminals.models import Batch, Tap
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import MEDIA_TYPE, build_batch

RECORDS = 10_000
QUICK_RECORDS = 200
CARDS = 1_000
AMOUNT_FEN = 20
TOGETHER = "HTTP, two uploads at once"
AGAIN = "binary COPY of rows that are there already (raw limit)"


def run(*, address: str, tills: Sequence[Till], cards: Sequence[Wallet], rounds: int, quick: bool) -> Result:
    """Records per second, through the service and through HTTP; every batch is new."""
    records = QUICK_RECORDS if quick else RECORDS
    size = {"records": records, "cards": len(cards)}
    result = Result("batch", f"Acceptance of an offline batch of {records:,} records", size)
    figures, (near, far) = Rounds(), tills
    execute_as_owner(
        "CREATE TABLE bare_tap (LIKE terminals_tap)",
        "CREATE TABLE keyed_tap (LIKE terminals_tap, UNIQUE (terminal_id, terminal_seq))",
        "GRANT ALL ON bare_tap, keyed_tap TO PUBLIC",
    )
    # One of each that does not count: the first use of a connection, a plan or a key is not the usual one.
    _round(Rounds(), result, records, cards, near, far, address)
    for _ in range(rounds):
        execute_as_owner("CHECKPOINT")
        _round(figures, result, records, cards, near, far, address)
    result.check("the audit is clean", broken_invariants() == [])
    result.figures = figures.figures()
    for name in "service", "HTTP", TOGETHER, "repeat over HTTP":
        result.ratio(f"{name} / COPY", name, "binary COPY (raw limit)")
    result.ratio("repeat over HTTP / COPY again", "repeat over HTTP", AGAIN)
    return result


def _round(
    figures: Rounds,
    result: Result,
    records: int,
    cards: Sequence[Wallet],
    near: Till,
    far: Till,
    address: str,
) -> None:
    number = f"bench-{Batch.objects.count()}"
    body = _body(number, near, cards, records)
    began = perf_counter()
    stored = accept_batch(terminal=near.terminal, body=body)
    figures.add("service", records / (perf_counter() - began))
    result.check("every record was accepted", stored.accepted == records)
    _copy(figures, result, stored)
    signed = far.signed(f"http://{address}/api/v1/batches", _body(number, far, cards, records), MEDIA_TYPE)
    first = _send(figures, "HTTP", signed, records)
    again = _send(figures, "repeat over HTTP", signed, records)
    result.check("every record was accepted", first.json()["accepted"] == records)
    result.check("a repeated upload gets the same bytes", first.content == again.content)
    _send_together(figures, result, records, cards, (near, far), address)


def _body(number: str, till: Till, cards: Sequence[Wallet], records: int) -> bytes:
    when = minutes_ago(timezone.now())
    return build_batch(
        number, [till.purchase(cards[n % len(cards)], AMOUNT_FEN, when) for n in range(records)]
    )


def _send(figures: Rounds, name: str, request: PreparedRequest, records: int) -> requests.Response:
    with requests.Session() as session:
        began = perf_counter()
        response = session.send(request)
        figures.add(name, records / (perf_counter() - began))
    response.raise_for_status()
    return response


def _send_together(
    figures: Rounds, result: Result, records: int, cards: Sequence[Wallet], pair: Sequence[Till], address: str
) -> None:
    """Two terminals that have met different cards, as two depots have: both processors have work."""
    url, half, number = f"http://{address}/api/v1/batches", len(cards) // 2, f"bench-{Batch.objects.count()}"
    signed = [
        till.signed(url, _body(number, till, part, records), MEDIA_TYPE)
        for till, part in zip(pair, (cards[:half], cards[half:]), strict=True)
    ]
    start, accepted = Barrier(len(pair) + 1), []

    def upload(request: PreparedRequest) -> None:
        with requests.Session() as session:
            start.wait()
            accepted.append(session.send(request).json()["accepted"])

    threads = [Thread(target=upload, args=(request,)) for request in signed]
    for thread in threads:
        thread.start()
    start.wait()
    began = perf_counter()
    for thread in threads:
        thread.join()
    figures.add(TOGETHER, len(pair) * records / (perf_counter() - began))
    result.check("every record was accepted", accepted == [records] * len(pair))


def _copy(figures: Rounds, result: Result, batch: Batch) -> None:
    """The raw limit: the very rows the batch has become, into a table without index, constraint or trigger."""
    with connection.cursor() as cursor:
        rows = f"(SELECT * FROM terminals_tap WHERE batch_id = {batch.pk})"
        with cursor.copy(f"COPY {rows} TO STDOUT (FORMAT BINARY)") as copy:
            block = b"".join(copy)
        began = perf_counter()
        with cursor.copy("COPY bare_tap FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(block)
        figures.add("binary COPY (raw limit)", batch.accepted / (perf_counter() - began))
        cursor.execute("SELECT count(*) FROM bare_tap")
        result.check(
            "COPY wrote the same rows", cursor.fetchone()[0] == Tap.objects.filter(batch_id=batch.pk).count()
        )
        keep = "INSERT INTO keyed_tap SELECT * FROM bare_tap ON CONFLICT DO NOTHING"
        cursor.execute(keep)
        cursor.execute("TRUNCATE bare_tap")
        began = perf_counter()
        with cursor.copy("COPY bare_tap FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(block)
        cursor.execute(keep)
        figures.add(AGAIN, batch.accepted / (perf_counter() - began))
        result.check("rows that are there already are left alone", cursor.rowcount == 0)
        cursor.execute("TRUNCATE bare_tap")
