"""The ledger: accounts with their balances, and journals with their transfers."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import Journal, LedgerAccount, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.selectors.statement import Cursor, account_statement, end_of_day
from accounts.services.ledger import set_account_state
from citizencard.office.admin.base import ReadOnlyAdmin, day_asked
from citizencard.office.reasons import ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, signed_yuan, yuan

LATEST = 100


@admin.register(LedgerAccount, site=office)
class LedgerAccountAdmin(ReadOnlyAdmin):
    """One account: what it holds, what it held on any date, and its statement."""

    list_display = ["code", "chart", "side", "name", "state"]
    list_filter = ["state", "chart"]
    search_fields = ["code", "name"]
    fields = ["code", "chart", "side", "name", "state", "balance"]
    readonly_fields = ["balance"]
    ordering = ["code"]
    actions_detail = ["freeze", "reopen"]
    change_form_before_template = "office/statement_tools.html"

    @display(description=_("balance (yuan)"))
    def balance(self, obj: LedgerAccount) -> str:
        """On the account's normal side."""
        return yuan(account_balance_fen(obj.pk))

    def tables(self, request: HttpRequest, obj: LedgerAccount) -> list[Table]:
        """The balance of the date asked for, and a page of the statement from there."""
        day = day_asked(request)
        cursor = _cursor(request) or (end_of_day(obj.pk, day) if day else None)
        page = account_statement(obj.pk, after=cursor, limit=LATEST)
        rows = [
            [
                line.business_date,
                line.kind.label,
                line.other_code,
                signed_yuan(line.change_fen),
                yuan(line.balance_fen),
                at(line.occurred_at),
                line.source,
                line.actor,
            ]
            for line in page.lines
        ]
        headers = [
            _("business date"), _("kind"), _("other account"), _("amount"), _("balance"), _("occurred at"),
            _("source document"), _("actor"),
        ]  # fmt: skip
        older = (
            format_html('<a href="?{}">{}</a>', _query(page.next), _("Older"))
            if page.next
            else _("That is all.")
        )
        return [Table(_("Statement"), headers, rows, columns(3, 4), note=older)]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the date that was asked for."""
        day = day_asked(request)
        account = self.get_object(request, unquote(object_id))
        asked: dict[str, Any] = {"statement_day": day}
        if day and account is not None:
            asked["statement_balance"] = yuan(account_balance_fen(account.pk, at=day))
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **asked})

    @action(description=_("Freeze"), permissions=["freeze"], icon="lock")
    def freeze(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """From now on the account takes nothing on either side."""
        return self._set_state(request, object_id, LedgerAccount.State.FROZEN, gettext("Freeze"))

    @action(description=_("Open again"), permissions=["freeze"], icon="lock_open")
    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The account takes transfers again."""
        return self._set_state(request, object_id, LedgerAccount.State.OPEN, gettext("Open again"))

    def _set_state(self, request: HttpRequest, object_id: str, state: str, title: str) -> HttpResponse:
        account = get_object_or_404(LedgerAccount, pk=unquote(object_id))

        def act(reason: str) -> list[tuple[str, str]]:
            done = set_account_state(
                account=account, state=state, actor=request.user.get_username(), reason=reason
            )
            return [(gettext("state"), done.get_state_display())]

        return ask_reason(request, self, account, title=title, act=act)


@admin.register(Journal, site=office)
class JournalAdmin(ReadOnlyAdmin):
    """One business event and the transfers it made."""

    list_display = ["business_date", "kind", "source", "actor", "posted_at"]
    list_filter = ["kind", "business_date"]
    search_fields = ["key", "source"]
    fields = ["key", "kind", "business_date", "source", "actor", "reason", "posted_at", "reverses"]
    ordering = ["-pk"]

    def tables(self, request: HttpRequest, obj: Journal) -> list[Table]:
        """The journal's transfers, debit and credit side by side."""
        transfers = list(
            Transfer.objects.filter(business_date=obj.business_date, journal_id=obj.pk).order_by("id")[
                :LATEST
            ]
        )
        accounts = LedgerAccount.objects.in_bulk(
            {each.debit_id for each in transfers} | {each.credit_id for each in transfers}
        )
        rows = [
            [
                each.get_kind_display(),
                link(accounts[each.debit_id]),
                link(accounts[each.credit_id]),
                yuan(each.amount_fen),
            ]
            for each in transfers
        ]
        return [
            Table(_("Transfers"), [_("kind"), _("debit"), _("credit"), _("amount")], rows, columns(3)),
            *_reversals(obj),
        ]


def _reversals(journal: Journal) -> list[Table]:
    """What took the journal back, if anything did; found by its key, `reverses` has no index."""
    rows = [
        [link(each, each.key), each.reason, each.actor, at(each.posted_at)]
        for each in Journal.objects.filter(key=f"reversal:{journal.key}"[:120])
    ]
    return (
        [Table(_("Reversed by"), [_("journal"), _("reason"), _("actor"), _("posted at")], rows)]
        if rows
        else []
    )


def _cursor(request: HttpRequest) -> Cursor | None:
    """Where the page before ended."""
    try:
        day, transfer_id, balance_fen = request.GET.get("after", "").split("_")
        return Cursor(date.fromisoformat(day), int(transfer_id), int(balance_fen))
    except ValueError:
        return None


def _query(cursor: Cursor) -> str:
    return urlencode({"after": f"{cursor.business_date}_{cursor.transfer_id}_{cursor.balance_fen}"})
