from __future__ import annotations

import os
import random
import threading
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import translation

from citizencard.core.audit import (
    GENESIS,
    broken_entries,
    called_from,
    entry_hash,
    newest_head,
    record_audit,
    still_holds,
)
from citizencard.core.audit_heads import broken_heads, sign_audit_heads
from citizencard.core.calendar import SHANGHAI
from citizencard.core.models import AuditEntry, AuditHead

pytestmark = pytest.mark.django_db


def record(number: int = 0, **fields: Any) -> AuditEntry:
    return record_audit(actor="clerk", action="card.issue", subject=f"card:{number}", **fields)


def test_entries_form_a_chain() -> None:
    first, second, third = (record(number) for number in range(3))
    assert bytes(first.previous_hash) == GENESIS
    assert bytes(second.previous_hash) == bytes(first.hash)
    assert bytes(third.previous_hash) == bytes(second.hash)
    assert list(broken_entries()) == []


def test_an_entry_reads_back_as_it_was_hashed() -> None:
    with called_from("::1"):
        record(detail={"日期": date(2026, 11, 21), "amount_fen": 5000, "b": [1, None, True]})
    with called_from("not an address"):
        record()
    assert list(broken_entries()) == []
    first, second = AuditEntry.objects.order_by("pk")
    assert first.detail["日期"] == "2026-11-21"
    assert (first.ip, second.ip) == ("::1", None)


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
    position, broken = next(broken_entries())
    assert broken.pk == ids[broken_at]
    assert (
        position == list(AuditEntry.objects.order_by("pk").values_list("pk", flat=True)).index(broken.pk) + 1
    )


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
    assert list(broken_entries()) == []


def test_a_head_kept_elsewhere_shows_what_was_cut_off_or_written_anew() -> None:
    ids = [record(number).pk for number in range(4)]
    head = newest_head()
    assert (head.position, head.id) == (4, ids[3])
    record(9)
    assert still_holds(head)
    with transaction.atomic():
        tamper(f"DELETE FROM core_auditentry WHERE id >= {ids[3]}")
        assert list(broken_entries()) == []
        assert not still_holds(head)
        transaction.set_rollback(True)


TAMPERINGS = int(os.environ.get("TAMPERINGS", "60"))


def test_whatever_is_done_to_the_trail_is_found_where_it_was_done() -> None:
    """T16. The control: with the look at predecessors taken away, removals stay unseen."""
    ids = [record(number, detail={"n": number}).pk for number in range(12)]
    head, lot, seen_without = newest_head(), random.Random(16), 0
    for _ in range(TAMPERINGS):
        at = lot.randrange(len(ids))
        done, first = lot.choice(DEEDS)(ids, at, lot)
        with transaction.atomic():
            tamper(done)
            found = [entry.pk for _position, entry in broken_entries()]
            if first is None:
                assert not still_holds(head), done
            else:
                assert found[0] == first, done
            seen_without += any(bytes(each.hash) != entry_hash(each) for each in AuditEntry.objects.all())
            transaction.set_rollback(True)
    assert 0 < seen_without < TAMPERINGS
    assert list(broken_entries()) == []


def edited(ids: list[int], at: int, lot: random.Random) -> tuple[str, int | None]:
    column, value = lot.choice(
        [
            ("actor", "'x'"),
            ("action", "'x'"),
            ("subject", "'x'"),
            ("ip", "'10.0.0.9'"),
            ("detail", "'{}'"),
            ("at", "now()"),
        ]
    )
    return f"UPDATE core_auditentry SET {column} = {value} WHERE id = {ids[at]}", ids[at]


def removed(ids: list[int], at: int, lot: random.Random) -> tuple[str, int | None]:
    after = ids[at + 1] if at + 1 < len(ids) else None
    return f"DELETE FROM core_auditentry WHERE id = {ids[at]}", after


def moved(ids: list[int], at: int, lot: random.Random) -> tuple[str, int | None]:
    at = min(at, len(ids) - 2)
    return f"UPDATE core_auditentry SET id = {ids[-1] + 50} WHERE id = {ids[at]}", ids[at + 1]


def added(ids: list[int], at: int, lot: random.Random) -> tuple[str, int | None]:
    return (
        f"UPDATE core_auditentry SET id = id + 100 WHERE id > {ids[at]}; INSERT INTO core_auditentry"
        " (id, at, actor, action, subject, detail, previous_hash, hash)"
        f" SELECT id + 1, at, 'x', action, subject, detail, hash, sha256(hash) FROM core_auditentry WHERE id = {ids[at]}",
        ids[at] + 1,
    )


def cut(ids: list[int], at: int, lot: random.Random) -> tuple[str, int | None]:
    return f"DELETE FROM core_auditentry WHERE id >= {ids[at]}", None


DEEDS = (edited, removed, moved, added, cut)


def test_the_command_names_what_is_broken_and_keeps_a_head(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [record(number).pk for number in range(3)]
    file = tmp_path / "head.json"
    call_command("verify_audit", "--write-head", str(file))
    call_command("verify_audit", "--head", str(file))
    with transaction.atomic():
        tamper(f"UPDATE core_auditentry SET actor = 'x' WHERE id = {ids[1]}")
        with pytest.raises(CommandError, match="1"):
            call_command("verify_audit")
        assert f"{ids[1]}" in capsys.readouterr().out
        transaction.set_rollback(True)
    with transaction.atomic():
        tamper(f"DELETE FROM core_auditentry WHERE id = {ids[2]}")
        call_command("verify_audit")
        with pytest.raises(CommandError):
            call_command("verify_audit", "--head", str(file))
        transaction.set_rollback(True)
    for content in (
        "{}",
        "[]",
        '{"position": 1, "id": "x", "hash": ""}',
        '{"position": 1, "id": null, "hash": ""}',
    ):
        file.write_text(content)
        with pytest.raises(CommandError, match=r"head\.json"):
            call_command("verify_audit", "--head", str(file))


MIDNIGHT = datetime(2026, 11, 22, tzinfo=SHANGHAI)


def entries_of_two_days() -> list[int]:
    made = []
    for at in (MIDNIGHT - timedelta(days=1, minutes=5), MIDNIGHT - timedelta(microseconds=1), MIDNIGHT):
        with patch("citizencard.core.audit.timezone.now", return_value=at):
            made.append(record().pk)
    return made


def test_each_date_that_is_over_has_one_signed_head(key_service: Any) -> None:
    ids = entries_of_two_days()
    assert [head.entry for head in sign_audit_heads(now=MIDNIGHT)] == [ids[1]]
    assert sign_audit_heads(now=MIDNIGHT + timedelta(hours=23)) == []
    later = sign_audit_heads(now=MIDNIGHT + timedelta(days=2))
    assert [(str(head), head.position, head.entry) for head in later] == [
        ("2026-11-22", 3, ids[2]),
        ("2026-11-23", 3, ids[2]),
    ]
    assert list(broken_heads()) == []
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditHead.objects.all().delete()


def test_a_signed_head_finds_what_the_chain_alone_does_not(
    key_service: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids, file = entries_of_two_days(), tmp_path / "heads"
    sign_audit_heads(now=MIDNIGHT)
    sign_audit_heads(now=MIDNIGHT + timedelta(days=1))
    call_command("verify_audit", "--write-signed", str(file))
    call_command("verify_audit", "--head", str(file))
    assert len(file.read_text().splitlines()) == 2
    heads = "ALTER TABLE core_audithead DISABLE TRIGGER append_only;"
    cut = f"DELETE FROM core_auditentry WHERE id >= {ids[2]};"
    for done, fault in [
        (cut, "2026-11-22: entries"),
        (cut + f"{heads} UPDATE core_audithead SET position = 2, entry = {ids[1]} WHERE date = '2026-11-22'", "2026-11-22: signature"),
        (heads + "DELETE FROM core_audithead WHERE date = '2026-11-21'", "2026-11-22: order"),
        (heads + "UPDATE core_audithead SET public_key = sha256('x')", "2026-11-21: key"),
    ]:  # fmt: skip
        with transaction.atomic():
            tamper(done)
            with pytest.raises(CommandError), translation.override("en"):
                call_command("verify_audit")
            assert f"signed head of {fault}" in capsys.readouterr().out
            transaction.set_rollback(True)
    with (
        transaction.atomic()
    ):  # the newest heads with the newest entries: only a head kept elsewhere shows it
        tamper(cut + f"{heads} DELETE FROM core_audithead WHERE date = '2026-11-22'")
        call_command("verify_audit")
        with pytest.raises(CommandError):
            call_command("verify_audit", "--head", str(file))
        transaction.set_rollback(True)


def test_the_pages_of_the_office_say_from_where(client: Client) -> None:
    with patch("citizencard.health._open_day", side_effect=lambda: record() and "ok"):
        client.get("/healthz", REMOTE_ADDR="192.0.2.44")
    assert AuditEntry.objects.get().ip == "192.0.2.44"
