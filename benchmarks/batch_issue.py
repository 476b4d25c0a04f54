"""Batch issue: a list of people read, checked, taken and carried out, next to bare inserts of the rows it leaves."""

from __future__ import annotations

import io
from datetime import date

from django.utils import timezone
from openpyxl import Workbook
from stdnum.cn import ric

from accounts.models import Card, CardProduct, IssueBatch, StockPlace
from accounts.services.batch_issue import approve_batch, check_issue_file, run_chunk, upload_issue_file
from accounts.services.issue_file import HEADINGS
from accounts.services.stock import open_place
from benchmarks.databases import copied_database, execute_as_owner, migrated_database
from benchmarks.timing import Result, Rounds

ROWS = 10_000
QUICK_ROWS = 50
WRITTEN = (
    "accounts_citizen", "accounts_consent", "accounts_card", "accounts_ledgeraccount", "accounts_purse",
    "accounts_cardevent", "accounts_stockitem", "accounts_issuerow",
)  # fmt: skip


def run(*, rounds: int, quick: bool) -> Result:
    """Seconds for the dry run, for taking the list and for carrying it out."""
    rows = QUICK_ROWS if quick else ROWS
    result = Result("batch-issue", f"Batch issue of {rows:,} cards", {"rows": rows})
    figures, content = Rounds(), _list(rows)
    with migrated_database() as template:
        for _ in range(rounds):
            with copied_database(template):
                _round(figures, result, content, rows)
    result.figures = figures.figures()
    result.ratio("carried out / bare inserts", "carried out", "bare inserts (raw limit)")
    return result


def _list(rows: int) -> bytes:
    book = Workbook()
    book.worksheets[0].append(HEADINGS)
    for running in range(rows):
        head = f"350501{1950 + running // 1000 % 50}0101{running % 1000:03d}"
        number = head + ric.calc_check_digit(head + "0")
        book.worksheets[0].append(["林美玲", "居民身份证", number, f"138{running:08d}", "本人"])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _round(figures: Rounds, result: Result, content: bytes, rows: int) -> None:
    product = CardProduct.objects.create(
        code="school",
        name="学生卡",
        real_name=True,
        kind_code=1,
        balance_limit_fen=500_000,
        validity_years=10,
    )
    bureau, hall = (
        open_place(code=kind, name=kind, kind=kind, actor="anna")
        for kind in (StockPlace.Kind.BUREAU, StockPlace.Kind.HALL)
    )
    figures.timed("dry run", lambda: check_issue_file(content=content, product=product))
    given = {"product": product, "hall": hall, "bureau": bureau, "deadline": date(2099, 1, 1)}
    figures.timed(
        "taken", lambda: upload_issue_file(content=content, organisation="school", maker="anna", **given)
    )
    batch = approve_batch(batch=IssueBatch.objects.get(), checker="wang")
    figures.timed("carried out", lambda: _carry_out(batch))
    figures.timed("bare inserts (raw limit)", _insert)
    result.check(
        "every row has its card", Card.objects.filter(created_at__lte=timezone.now()).count() == rows
    )


def _carry_out(batch: IssueBatch) -> None:
    while not run_chunk(batch=batch).is_over:
        pass


def _insert() -> None:
    """The same rows into tables without an index, a rule or a trigger."""
    for table in WRITTEN:
        execute_as_owner(f"CREATE TABLE bare_{table} AS SELECT * FROM {table}")
