"""Batch issue: checked row by row, taken whole or not at all, carried out once however often it is begun."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from stdnum.cn import ric

from accounts.errors import IllegalIssueStep, IssueFileRefused
from accounts.models import Card, CardOrder, Citizen, IssueBatch
from accounts.selectors import invariants
from accounts.selectors.people import find_people
from accounts.services import batch_issue, issue_file
from accounts.services.batch_issue import approve_batch, check_issue_file, refuse_batch, run_chunk
from accounts.services.cards import order_card
from accounts.services.citizens import give_consent, reveal_citizen
from accounts.services.guardians import appoint_guardian
from accounts.services.issue_file import Fault
from accounts.tasks import run_issue_batches
from citizencard.core.errors import MakerIsChecker
from citizencard.core.keyservice.keystore import KeyStore
from tests.accounts.stock.lists import row, sheet, upload, uploaded
from tests.accounts.stock.shelf import CHECKER, Places, open_places
from tests.factories import CLERK, NOON, document_number, make_citizen, make_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_keys")]


@pytest.fixture
def places() -> Places:
    return open_places()


def child() -> str:
    head = "35050120200101101"
    return head + ric.calc_check_digit(head + "0")


def test_every_bad_row_is_named_and_nothing_taken(places: Places) -> None:
    holder = document_number()
    product = make_product(real_name=True)
    order_card(
        product=product,
        citizen=make_citizen(document_number=holder),
        actor=CLERK,
        valid_from=date(2026, 3, 1),
    )
    good, wrong = document_number(), document_number()
    content = sheet(
        [
            row(document=good),
            row(document=wrong[:-1] + ("1" if wrong[-1] == "0" else "0")),
            row(document=good),
            row(document=holder),
            row(document=child()),
            row(document=child(), consent="监护人"),
            row(consent=""),
            row(name="=HYPERLINK(1)"),
            row(kind="军官证"),
            row(phone="12"),
            row(name="7"),
        ]
    )
    found = [(each.row, each.fault) for each in check_issue_file(content=content, product=product)]
    assert found == [
        (3, Fault.DOCUMENT),
        (4, Fault.TWICE),
        (5, Fault.HELD),
        (6, Fault.GUARDIAN),
        (7, Fault.GUARDIAN),
        (8, Fault.CONSENT),
        (9, Fault.FORMULA),
        (10, Fault.KIND),
        (11, Fault.PHONE),
        (12, Fault.NAME),
    ]
    with pytest.raises(IssueFileRefused) as refusal:
        upload(places, content)
    assert len(refusal.value.data["problems"]) == len(found)
    assert (IssueBatch.objects.count(), CardOrder.objects.count()) == (0, 0)


def test_a_list_becomes_citizens_and_cards_to_be_made(places: Places, open_day: object) -> None:
    known = make_citizen(document_number=(number := document_number()), consent=False)
    batch = uploaded(places, [row(name="陈小明"), row(document=number), row(phone="")])
    with pytest.raises(MakerIsChecker):
        approve_batch(batch=batch, checker=CLERK)
    with pytest.raises(IllegalIssueStep):
        run_chunk(batch=batch)
    approve_batch(batch=batch, checker=CHECKER)
    assert run_issue_batches() == 1
    batch.refresh_from_db()
    assert (batch.state, batch.order.state, batch.order.items.count()) == ("done", "approved", 3)
    first = batch.rows.select_related("card__citizen").get(row=2)
    assert reveal_citizen(citizen=first.card.citizen, actor=CLERK, reason="test").name == "陈小明"
    assert (first.card.citizen.level, bytes(first.name_sealed)) == (Citizen.Level.CHECKED, b"")
    assert batch.rows.get(row=3).card.citizen == known
    assert known.consents.count() == 1
    assert invariants.broken() == []


def test_a_child_whose_guardian_has_agreed_is_taken(places: Places, open_day: object) -> None:
    ward = make_citizen(document_number=(number := child()), consent=False)
    mother = make_citizen()
    appoint_guardian(guardian=mother, ward=ward, proof="register", actor=CLERK, occurred_at=NOON)
    give_consent(citizen=ward, purpose="card", actor=CLERK, guardian=mother)
    batch = approve_batch(batch=uploaded(places, [row(document=number, consent="监护人")]), checker=CHECKER)
    assert run_chunk(batch=batch) == (1, 0, 1)
    assert batch.rows.get().card.citizen == ward
    assert find_people("林美玲")


def test_a_killed_run_goes_on_where_it_was(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_issue, "CHUNK", 2)
    batch = approve_batch(batch=uploaded(places, [row() for _ in range(5)]), checker=CHECKER)
    assert run_chunk(batch=batch) == (2, 0, 5)

    def killed(**_values: object) -> list[Card]:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(batch_issue, "make_cards", killed)
        with pytest.raises(KeyboardInterrupt):
            run_chunk(batch=batch)
    assert [run_chunk(batch=batch).made for _ in range(3)] == [4, 5, 5]
    assert (Card.objects.count(), Citizen.objects.count()) == (5, 5)


def test_who_got_a_card_meanwhile_gets_no_second_one(places: Places) -> None:
    number = document_number()
    batch = approve_batch(batch=uploaded(places, [row(document=number), row()]), checker=CHECKER)
    meanwhile = make_citizen(document_number=number)
    order_card(product=batch.order.product, citizen=meanwhile, actor=CLERK, valid_from=date(2026, 3, 1))
    assert run_chunk(batch=batch) == (1, 1, 2)
    assert batch.rows.get(row=2).refusal == Fault.HELD
    assert meanwhile.cards.count() == 1


def test_the_same_file_is_the_same_batch_and_a_refused_one_keeps_nobody(places: Places) -> None:
    content = sheet([row()])
    batch = upload(places, content)
    assert upload(places, content) == batch
    batch = refuse_batch(batch=batch, checker=CHECKER, reason="no contract")
    assert (batch.state, CardOrder.objects.get().state) == ("refused", "refused")
    assert bytes(batch.rows.get().document_sealed) == b""


def test_files_that_are_no_lists_are_refused(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def packed(name: str, content: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        return stream.getvalue()

    monkeypatch.setattr(issue_file, "UNPACKED_MAX", 500_000)
    monkeypatch.setattr(issue_file, "ROWS_MAX", 2)
    bad = [
        b"no zip",
        b"0" * (issue_file.BYTES_MAX + 1),
        packed("xl/workbook.xml", b"0" * 600_000),
        packed("xl/workbook.xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]>"),
        packed("xl/workbook.xml", b"<x/>"),
        sheet([]),
        sheet([row()], headings=["name"]),
        sheet([row(), row(), row()]),
        issue_file.template_xlsx(),
    ]
    for content in bad:
        with pytest.raises(IssueFileRefused):
            upload(places, content)
    assert not IssueBatch.objects.exists()


def test_statements_do_not_grow_with_the_rows(places: Places) -> None:
    spent = []
    for count in (2, 12):
        with CaptureQueriesContext(connection) as made:
            batch = uploaded(places, [row() for _ in range(count)])
            run_chunk(batch=approve_batch(batch=batch, checker=CHECKER))
        spent.append(len(made))
    assert spent[1] <= spent[0]


def test_the_command_takes_a_list_to_its_end(places: Places, tmp_path: Path, demo_keys: KeyStore) -> None:
    make_product(real_name=True)
    file = tmp_path / "list.xlsx"
    file.write_bytes(sheet([row(), row(consent="")]))
    with pytest.raises(CommandError):
        call_command("batch_issue", str(file), "--dry-run", "--product", "citizen")
    file.write_bytes(sheet([row(), row()]))
    call_command("batch_issue", str(file), "--dry-run", "--product", "citizen")
    with pytest.raises(CommandError, match="--maker"):
        call_command("batch_issue", str(file), "--product", "citizen")
    given = ["--product", "citizen", "--organisation", "厂", "--hall", "hall", "--bureau", "bureau"]
    call_command("batch_issue", str(file), *given, "--deadline", "2099-01-01", "--maker", CLERK)
    call_command("batch_issue", str(file), "--approve", CHECKER, "--follow")
    assert IssueBatch.objects.get().state == "done"
