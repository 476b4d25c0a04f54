"""The bank's statements and files: looked through, taken whole or not at all, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.bank_forms import BankFileForm
from citizencard.office.reasons import ask_new
from citizencard.office.report_pages import as_file
from citizencard.office.site import office
from citizencard.office.tables import Table, columns, link, signed_yuan, yuan
from settlement.bankfiles.values import AccountStatement, Problem
from settlement.errors import BankFileRefused
from settlement.models import BankFile, BankStatement
from settlement.services.bank_files import open_file
from settlement.services.order_status import import_status_report, preview_status_report
from settlement.services.statements import import_statement, preview_statement

ROWS = 500
_STATUS_REPORT = b"pain.002.001.10"


@admin.register(BankStatement, site=office)
class BankStatementAdmin(ReadOnlyAdmin):
    """One statement of the reserve account and what each of its lines was found to be."""

    list_display = ["day", "number", "opening", "credit", "debit", "closing", "count"]
    list_filter = ["day"]
    search_fields = ["number"]
    fields = ["number", "day", "opening", "credit", "debit", "closing", "count", "file"]
    readonly_fields = ["opening", "credit", "debit", "closing"]
    ordering = ["-day", "-pk"]
    actions_list = ["take"]
    opening = yuan_column("opening_fen", _("opening balance (yuan)"))
    credit = yuan_column("credit_fen", _("credits (yuan)"))
    debit = yuan_column("debit_fen", _("debits (yuan)"))
    closing = yuan_column("closing_fen", _("closing balance (yuan)"))

    def tables(self, request: HttpRequest, obj: BankStatement) -> list[Table]:
        """Its lines."""
        entries = obj.entries.select_related("order__batch").order_by("row")[:ROWS]
        rows = [
            [
                each.row,
                each.booked_on,
                each.valued_on,
                signed_yuan(each.signed_fen),
                each.get_what_display(),
                link(each.order.batch, each.order) if each.order else each.end_to_end_id or each.reference,
                each.note,
            ]
            for each in entries
        ]
        headers = [
            _("row"), _("booking date"), _("value date"), _("amount"), _("what it is"), _("reference"), _("note"),
        ]  # fmt: skip
        return [
            Table(_("Entries"), headers, rows, columns(0, 3), note=_("At most %(limit)s.") % {"limit": ROWS})
        ]

    @action(description=_("Take a file"), permissions=["import_bank_file"], icon="upload_file", variant=None)
    def take(self, request: HttpRequest) -> HttpResponse:
        """Look through a file of the bank, or take it."""

        def act(given: dict[str, Any]) -> Model | Sequence[Table]:
            content, actor = given["file"].read(), request.user.get_username()
            is_report = _STATUS_REPORT in content[:1000]
            try:
                if not given["take"]:
                    return [_report(content) if is_report else _preview(preview_statement(content))]
                take = import_status_report if is_report else import_statement
                return take(content=content, actor=actor, now=timezone.now())
            except BankFileRefused as refusal:
                return [_problems(refusal.data["problems"])]

        return ask_new(request, self, title=gettext("Take a file"), form=BankFileForm, act=act)


@admin.register(BankFile, site=office)
class BankFileAdmin(ReadOnlyAdmin):
    """Files to and from the bank as their bytes were, those refused as well."""

    list_display = ["at", "kind", "batch", "size", "verdict", "actor"]
    list_filter = ["kind"]
    list_select_related = ["batch"]
    fields = ["kind", "batch", "size", "sha256_hex", "verdict", "actor", "at"]
    readonly_fields = ["sha256_hex", "verdict"]
    ordering = ["-at"]
    actions_detail = ["open_it"]

    @display(description=_("verdict"), label={"taken": "success", "refused": "danger"})
    def verdict(self, obj: BankFile) -> tuple[str, str]:
        """Whether anything is wrong with it."""
        return ("refused", gettext("refused")) if obj.problems else ("taken", gettext("taken"))

    @display(description=_("SHA-256"))
    def sha256_hex(self, obj: BankFile) -> str:
        """What the bank can be asked about."""
        return bytes(obj.sha256).hex()

    def tables(self, request: HttpRequest, obj: BankFile) -> list[Table]:
        """Why it was refused."""
        return [_problems(obj.found_problems())] if obj.problems else []

    @action(description=_("Open"), permissions=["import_bank_file"], icon="download")
    def open_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The file's bytes; it names people, so opening it is on the audit trail."""
        file = self.object_of(request, object_id)
        content = open_file(
            file=file,
            actor=request.user.get_username(),
            reason="office",
        )
        return as_file(content, "application/octet-stream", f"{file.pk}.bin")


def _preview(statement: AccountStatement) -> Table:
    title = _("Statement %(number)s of %(day)s") % {"number": statement.number, "day": statement.day}
    return Table(
        title,
        [_("line"), _("booking date"), _("amount"), _("reference"), _("note")],
        [
            [
                each.line,
                each.booked_on,
                signed_yuan(each.signed_fen),
                each.end_to_end_id or each.reference,
                each.note,
            ]
            for each in statement.lines[:ROWS]
        ],
        columns(0, 2),
        total=[_("closing balance"), "", yuan(statement.closing_fen), "", ""],
        note=_("Nothing is taken yet."),
    )


def _report(content: bytes) -> Table:
    report = preview_status_report(content)
    return Table(
        _("Answer to %(batch)s") % {"batch": report.batch},
        [_("line"), _("end-to-end id"), _("verdict"), _("reason")],
        [
            [each.line, each.end_to_end_id, _("accepted") if each.accepted else _("refused"), each.reason]
            for each in report.orders[:ROWS]
        ],
        columns(0),
        note=_("Nothing is taken yet."),
    )


def _problems(problems: Sequence[Problem]) -> Table:
    return Table(
        _("Refused: nothing of the file was taken"),
        [_("line"), _("field"), _("what is wrong")],
        [[each.line or "–", each.field, each.fault.label] for each in problems[:ROWS]],
        columns(0),
    )
