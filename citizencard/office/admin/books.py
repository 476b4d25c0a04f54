"""The ledger: accounts with their balances, and journals with their transfers."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.models import Journal, LedgerAccount, Transfer
from accounts.selectors.balances import account_balance_fen
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, signed_yuan, yuan

LATEST = 100


@admin.register(LedgerAccount, site=office)
class LedgerAccountAdmin(ReadOnlyAdmin):
    """One account: what it holds and what moved it last."""

    list_display = ["code", "chart", "side", "name"]
    list_filter = ["chart"]
    search_fields = ["code", "name"]
    fields = ["code", "chart", "side", "name", "balance"]
    readonly_fields = ["balance"]
    ordering = ["code"]

    @display(description=_("balance (yuan)"))
    def balance(self, obj: LedgerAccount) -> str:
        """On the account's normal side."""
        return yuan(account_balance_fen(obj.pk))

    def tables(self, request: HttpRequest, obj: LedgerAccount) -> list[Table]:
        """The account's latest transfers, seen from its own side."""
        latest = Transfer.objects.filter(Q(debit_id=obj.pk) | Q(credit_id=obj.pk)).order_by(
            "-business_date", "-id"
        )
        transfers = list(latest[:LATEST])
        others = LedgerAccount.objects.in_bulk(
            {each.debit_id for each in transfers} | {each.credit_id for each in transfers}
        )
        rows = []
        for each in transfers:
            grows = (each.debit_id == obj.pk) == (obj.side == LedgerAccount.Side.DEBIT)
            other = others.get(each.credit_id if each.debit_id == obj.pk else each.debit_id)
            amount = each.amount_fen if grows else -each.amount_fen
            rows.append(
                [each.business_date, each.get_kind_display(), link(other) if other else "?", signed_yuan(amount),
                 at(each.occurred_at)]
            )  # fmt: skip
        headers = [_("business date"), _("kind"), _("other account"), _("amount"), _("occurred at")]
        return [Table(_("Transfers"), headers, rows, columns(3), note=_("Newest first; at most 100."))]


@admin.register(Journal, site=office)
class JournalAdmin(ReadOnlyAdmin):
    """One business event and the transfers it made."""

    list_display = ["business_date", "kind", "source", "actor", "posted_at"]
    list_filter = ["kind", "business_date"]
    search_fields = ["key", "source"]
    fields = ["key", "kind", "business_date", "source", "actor", "reason", "posted_at"]
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
        return [Table(_("Transfers"), [_("kind"), _("debit"), _("credit"), _("amount")], rows, columns(3))]
