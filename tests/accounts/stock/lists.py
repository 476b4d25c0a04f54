"""Lists of people as schools and companies send them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone
from openpyxl import Workbook

from accounts.models import IssueBatch
from accounts.services.batch_issue import upload_issue_file
from accounts.services.issue_file import HEADINGS
from citizencard.core.calendar import shanghai
from tests.accounts.stock.shelf import Places
from tests.factories import CLERK, document_number, make_product


def row(*, document: str | None = None, **changes: str) -> list[str]:
    values = {
        "name": "林美玲",
        "kind": "居民身份证",
        "document": document or document_number(),
        "phone": "13859700001",
        "consent": "本人",
    }
    return list((values | changes).values())


def sheet(rows: Sequence[Sequence[str]], headings: Sequence[str] = HEADINGS) -> bytes:
    book = Workbook()
    for line in (headings, *rows):
        book.worksheets[0].append(list(line))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def uploaded(places: Places, rows: Sequence[Sequence[str]]) -> IssueBatch:
    return upload(places, sheet(rows))


def upload(places: Places, content: bytes) -> IssueBatch:
    return upload_issue_file(
        content=content,
        organisation="鲤城实验小学",
        product=make_product(real_name=True),
        hall=places.hall,
        bureau=places.bureau,
        deadline=shanghai(timezone.now()).date() + timedelta(days=30),
        maker=CLERK,
    )
