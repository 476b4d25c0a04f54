from __future__ import annotations

import threading
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from citizencard.core.audit import GENESIS, first_broken_entry, record_audit
from citizencard.core.models import AuditEntry

pytestmark = pytest.mark.django_db


def record(number: int = 0, **fields: Any) -> AuditEntry:
    return record_audit(actor="clerk", action="card.issue", subject=f"card:{number}", **fields)


def test_entries_form_a_chain() -> None:
    first, second, third = (record(number) for number in range(3))
    assert bytes(first.previous_hash) == GENESIS
    assert bytes(second.previous_hash) == bytes(first.hash)
    assert bytes(third.previous_hash) == bytes(second.hash)
    assert first_broken_entry() is None


def test_an_entry_reads_back_as_it_was_hashed() -> None:
    record(detail={"日期": date(2026, 11, 21), "amount_fen": 5000, "b": [1, None, True]}, request_ip="::1")
    record(request_ip="010.0.0.7".removeprefix("0"))
    assert first_broken_entry() is None
    assert AuditEntry.objects.first().detail["日期"] == "2026-11-21"  # type: ignore[union-attr]


def test_an_entry_shares_the_fate_of_its_action() -> None:
    def fail() -> None:
        with transaction.atomic():
            record()
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE core_auditentry SET actor = 'nobody'",
        "DELETE FROM core_auditentry",
        "TRUNCATE core_auditentry",
    ],
)
def test_the_database_refuses_to_change_the_trail(statement: str) -> None:
    record()
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def tamper(statement: str) -> None:
    """What somebody with the database owner's rights could do."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_auditentry DISABLE TRIGGER append_only")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE core_auditentry ENABLE TRIGGER append_only")


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE core_auditentry SET actor = 'nobody' WHERE id = {1}", 1),
        ("UPDATE core_auditentry SET action = 'x' WHERE id = {2}", 2),
        ("UPDATE core_auditentry SET subject = 'card:9' WHERE id = {0}", 0),
        ("UPDATE core_auditentry SET at = at + interval '1 microsecond' WHERE id = {1}", 1),
        ("UPDATE core_auditentry SET ip = '10.0.0.1' WHERE id = {1}", 1),
        ("UPDATE core_auditentry SET detail = '{{\"x\": 1}}' WHERE id = {3}", 3),
        ("UPDATE core_auditentry SET previous_hash = hash WHERE id = {1}", 1),
        ("DELETE FROM core_auditentry WHERE id = {1}", 2),
        ("DELETE FROM core_auditentry WHERE id = {0}", 1),
        ("UPDATE core_auditentry SET id = {3} + 100 WHERE id = {1}", 2),
    ],
)
def test_tampering_is_found_where_it_happened(statement: str, broken_at: int) -> None:
    ids = [record(number).pk for number in range(4)]
    tamper(statement.format(*ids))
    broken = first_broken_entry()
    assert broken is not None
    assert broken.pk == ids[broken_at]


@pytest.mark.django_db(transaction=True)
def test_clerks_working_at_once_make_one_chain() -> None:
    def work() -> None:
        try:
            for number in range(10):
                record(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert AuditEntry.objects.count() == 40
    assert first_broken_entry() is None
