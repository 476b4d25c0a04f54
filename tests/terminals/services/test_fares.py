"""Publishing fares: four eyes, everything that is refused by name, and what the database does not let happen afterwards."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.services.subsidies import open_subsidy_payer
from citizencard.core.errors import AlreadyDecided, Conflict, MakerIsChecker
from citizencard.core.models import AuditEntry
from terminals.errors import FareBegun, FaresRefused
from terminals.fares.documents import Document
from terminals.models import FareDocument, FareProposal, Tariff
from terminals.selectors.fare_checks import check_published
from terminals.selectors.fare_preview import preview_fares
from terminals.selectors.fares import documents_on, fare_book
from terminals.services.fares import propose_fares, publish_fares, publish_tariff, refuse_fares, withdraw_fare
from terminals.services.field import register_terminal
from terminals.services.places import save_stop
from tests.terminals.fare_shelf import document, flat, publish
from tests.terminals.field import make_merchant

pytestmark = pytest.mark.django_db

FUTURE = {"valid_from": "2090-01-01"}


def rules(*documents: Any, reason: str = "late") -> list[tuple[str, str]]:
    with pytest.raises(FaresRefused) as refused:
        propose_fares(documents=documents, maker="maker", reason=reason)
    return [(problem.document, problem.field) for problem in refused.value.data["problems"]]


def test_one_proposes_another_publishes_and_terminals_see_it() -> None:
    proposal = propose_fares(documents=[flat(), flat("tour", 300)], maker="maker", reason="founded")
    assert not FareDocument.objects.exists()
    with pytest.raises(MakerIsChecker):
        publish_fares(proposal=proposal, checker="maker")
    first, _ = published = publish_fares(proposal=proposal, checker="checker")
    assert publish_fares(proposal=proposal, checker="another") == published
    assert first.sha256 == Document.parse(flat()).digest
    tariff = Tariff.objects.get(code="bus")
    assert (tariff.kind, tariff.rule, tariff.name) == ("flat", {"fare_fen": 200}, "bus")
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == ["fares.propose", "fares.publish"]
    with pytest.raises(AlreadyDecided):
        refuse_fares(proposal=proposal, checker="checker", reason="no")


def test_what_was_refused_stays_refused() -> None:
    proposal = propose_fares(documents=[flat()], maker="maker", reason="founded")
    assert refuse_fares(proposal=proposal, checker="checker", reason="no").state == "refused"
    with pytest.raises(AlreadyDecided):
        publish_fares(proposal=proposal, checker="checker")
    assert not FareDocument.objects.exists()


@pytest.mark.parametrize(
    ("proposed", "problem"),
    [
        (flat(valid_from="1.1.2026"), ("#1 bus", "valid_from")),
        ({"document": "tariff"}, ("#1", "body")),
        (7, ("#1", "document")),
        (flat("x", kind="flat"), ("#1 x", "kind")),
        (document("transfer", "t", {"from_tariffs": ["boat"], "to_tariffs": ["bus"], "within_minutes": 60,
            "same_line": False, "off_fen": 100}), ("t v1", "body.from_tariffs")),
        (document("concession", "c", {"tariffs": ["bus"], "pay_percent": 50, "categories": ["student"],
            "excluded_lines": ["X9"]}), ("c v1", "body.excluded_lines")),
        (document("concession", "c", {"tariffs": ["bus"], "pay_percent": 50, "categories": ["student"],
            "combines_with": ["none"]}), ("c v1", "body.combines_with")),
        (document("cap", "c", {"tariffs": ["boat"], "period": "day", "starts": "04:00", "limit_fen": 1}),
            ("c v1", "body.tariffs")),
        (document("subsidy", "s", {"rules": ["bus"], "payers": [{"payer": "NOBODY", "weight": 1}]}),
            ("s v1", "body.payers")),
        (document("tariff", "p", {"kind": "pair", "rule": {"stations": {"0901": "?"}, "fares": {}, "max_fen": 1}}),
            ("p v1", "body.rule.stations")),
        (document("tariff", "s", {"kind": "section", "rule": {"sections": {"Q": 1}, "fares_fen": [1]}}),
            ("s v1", "body.rule.sections")),
        (document("cap", "bus", {"tariffs": ["bus"], "period": "day", "starts": "04:00", "limit_fen": 1}, version=2,
            valid_from="2027-01-01"), ("–", "document")),
    ],
)  # fmt: skip
def test_each_wrong_document_is_named_with_its_field(proposed: Any, problem: tuple[str, str]) -> None:
    publish(flat())
    assert rules(proposed) == [problem]
    assert FareProposal.objects.count() == 1


def test_a_book_that_contradicts_itself_is_refused() -> None:
    publish(flat(), flat("tour"))
    cap = {"period": "day", "starts": "04:00", "limit_fen": 1000}
    caps = [
        document("cap", "a", {"tariffs": ["bus"], **cap}),
        document("cap", "b", {"tariffs": ["bus", "tour"], **cap}),
    ]
    assert rules(*caps) == [("–", "body.tariffs")]


def test_versions_only_grow_and_the_past_needs_a_reason() -> None:
    publish(flat(), flat(version=3, valid_from="2027-01-01"))
    assert rules(flat(version=3, **FUTURE)) == [("bus v3", "version")]
    assert rules(flat(version=2, **FUTURE)) == [("bus v2", "version")]
    assert rules(flat(version=4, valid_from="2026-02-01"), reason=" ") == [("bus v4", "valid_from")]
    assert rules(flat(version=4, valid_from="2027-01-01")) == [("–", "valid_from")]
    assert rules() == [("–", "documents")]


def test_a_proposal_is_checked_again_when_it_is_published() -> None:
    one = propose_fares(documents=[flat()], maker="maker", reason="x")
    other = propose_fares(documents=[flat(fare_fen=300)], maker="maker", reason="x")
    publish_fares(proposal=one, checker="checker")
    with pytest.raises(FaresRefused):
        publish_fares(proposal=other, checker="checker")
    assert FareProposal.objects.get(pk=other.pk).state == "proposed"


def test_only_what_has_not_begun_is_withdrawn_and_its_version_stays_used() -> None:
    publish(flat())
    (coming,) = publish(flat(version=2, **FUTURE))
    assert withdraw_fare(document=coming, actor="maker", reason="a slip").withdrawn_by == "maker"
    withdraw_fare(document=coming, actor="other", reason="again")
    assert FareDocument.objects.get(pk=coming.pk).withdrawn_by == "maker"
    assert [each.version for each in documents_on(date(2090, 1, 1))] == [1]
    assert rules(flat(version=2, **FUTURE)) == [("bus v2", "version")]
    (again,) = publish(flat(version=3, **FUTURE))
    assert again.valid_from == coming.valid_from
    with pytest.raises(FareBegun):
        withdraw_fare(document=FareDocument.objects.get(version=1), actor="maker", reason="no")


def test_what_others_name_is_not_withdrawn() -> None:
    (coming, _) = publish(
        flat("boat", **FUTURE),
        document(
            "cap", "c", {"tariffs": ["boat"], "period": "day", "starts": "04:00", "limit_fen": 1}, **FUTURE
        ),
    )
    with pytest.raises(FaresRefused, match="boat"):
        withdraw_fare(document=coming, actor="maker", reason="no")


def test_a_tariff_that_terminals_charge_by_has_a_next_version() -> None:
    publish(flat())
    register_terminal(code="T", merchant=make_merchant(), place="", tariff_code="bus", terminal_no="0" * 12)
    ending = flat(version=2, valid_from="2089-01-01", valid_until="2089-12-31")
    assert rules(ending) == [("bus v2", "body.valid_until")]
    publish(ending, flat(version=3, **FUTURE))


def test_what_is_published_never_changes_whoever_asks() -> None:
    (first,) = publish(flat())
    (coming,) = publish(flat(version=2, **FUTURE))
    statements = [
        "UPDATE terminals_faredocument SET valid_until = '2026-06-30' WHERE id = %s",
        "UPDATE terminals_faredocument SET canonical = '{}' WHERE id = %s",
        "UPDATE terminals_faredocument SET withdrawn_at = now(), withdrawn_by = 'x', withdrawn_reason = 'x',"
        " published_by = 'x' WHERE id = %s",
        "DELETE FROM terminals_faredocument WHERE id = %s",
    ]
    for statement in statements:
        for row in (first, coming):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, [row.pk])
    with pytest.raises(DatabaseError, match="does not change"), transaction.atomic():
        FareDocument.objects.filter(pk=first.pk).update(
            withdrawn_at="2026-11-30T00:00Z", withdrawn_by="x", withdrawn_reason="x"
        )


def test_columns_and_bytes_cannot_differ() -> None:
    (first,) = publish(flat())
    values = {
        name: getattr(first, name)
        for name in (
            "sort",
            "code",
            "version",
            "valid_from",
            "legal_basis",
            "canonical",
            "digest",
            "proposal_id",
        )
    }
    for wrong in (
        {"version": 2, "valid_from": date(2027, 1, 1)},
        {"code": "x"},
        {"digest": bytes(32), "code": "x"},
    ):
        with pytest.raises(DatabaseError, match="fare_"), transaction.atomic():
            FareDocument.objects.create(**values | wrong, published_by="x")


def test_the_book_is_read_anew_when_a_document_comes_or_goes(django_assert_num_queries: Any) -> None:
    publish(flat())
    assert fare_book().tariff("bus", date(2026, 5, 1))[0].version == 1
    with django_assert_num_queries(1):
        fare_book()
    (coming,) = publish(flat(version=2, **FUTURE))
    assert fare_book().tariff("bus", date(2090, 5, 1))[0].version == 2
    withdraw_fare(document=coming, actor="maker", reason="x")
    assert fare_book().tariff("bus", date(2090, 5, 1))[0].version == 1


def test_sample_rides_show_what_changes() -> None:
    open_subsidy_payer(code="CZJ", name="x", actor="x")
    publish(
        flat(),
        document("concession", "student", {"tariffs": ["bus"], "pay_percent": 75, "categories": ["student"]}),
        document("subsidy", "s", {"rules": ["student"], "payers": [{"payer": "CZJ", "weight": 1}]}),
    )
    before, dearer = fare_book(), Document.parse(flat(version=2, fare_fen=300, **FUTURE))
    after = type(before).of([*before.documents, dearer])
    rows = preview_fares(documents=[dearer], before=before, after=after)
    assert [
        (row.sample.categories, row.before and row.before.amount_fen, row.after and row.after.amount_fen)
        for row in rows
    ] == [((), 200, 300), (("student",), 150, 225)]


def test_the_city_checks_what_it_published() -> None:
    publish_tariff(
        code="p", name="p", kind="pair", valid_from=date(2026, 1, 1), legal_basis="x",
        rule={"stations": {"0901": "x"}, "fares": {"0901-0901": 0}, "max_fen": 1},
    )  # fmt: skip
    assert [problem.field for problem in check_published()] == ["body.rule.stations"]
    save_stop(code="0901", name="x")
    assert check_published() == []


def test_a_date_has_one_version_and_a_city_is_founded_twice() -> None:
    same = {"code": "f", "name": "f", "kind": "flat", "rule": {"fare_fen": 1}, "valid_from": date(2026, 1, 1)}
    tariff = publish_tariff(**same, legal_basis="x")
    assert publish_tariff(**same, legal_basis="x") == tariff
    with pytest.raises(Conflict):
        publish_tariff(**same, legal_basis="y")
