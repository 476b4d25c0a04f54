"""Merchants, and batches as they came in."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.admin.contract_tables import fee_words
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, yuan
from citizencard.words import refusal_words
from terminals.counties import county_name
from terminals.models import Batch, Merchant, Refusal, Tap

LATEST = 30
PROBLEMS = 200


@admin.register(Merchant, site=office)
class MerchantAdmin(ReadOnlyAdmin):
    """Parties that are paid."""

    list_display = ["code", "name", "channel"]
    list_filter = ["channel"]
    search_fields = ["code", "name"]
    fields = ["code", "name", "channel", "county_named", "payable", "settlement"]
    readonly_fields = ["county_named"]
    ordering = ["code"]

    @display(description=_("county"))
    def county_named(self, obj: Merchant) -> str:
        """Name and code, or a dash."""
        return f"{county_name(obj.county)} {obj.county}" if obj.county else "–"

    def tables(self, request: HttpRequest, obj: Merchant) -> list[Table]:
        """The merchant's contracts and terminals, and its statements for whoever may see them."""
        terminals = obj.terminals.order_by("code")
        tables = [
            Table(
                _("Contracts"),
                [_("contract number"), _("valid from"), _("valid until"), _("fee")],
                [
                    [link(each, each.number), each.valid_from, each.valid_until or "–", fee_words(each)]
                    for each in obj.contracts.prefetch_related("bands").order_by("-valid_from")
                ],
            ),
            Table(
                _("Terminals"),
                [_("code"), _("place"), _("state"), _("last seen")],
                [
                    [link(each, each.code), each.place, each.get_state_display(), at(each.seen_at)]
                    for each in terminals
                ],
            ),
        ]
        if request.user.has_perm("settlement.view_statement"):
            tables.append(_statements(obj))
        return tables


def _statements(merchant: Merchant) -> Table:
    statements = merchant.statements.select_related("run").order_by("-run")[:LATEST]
    return Table(
        _("Settlement statements"),
        [_("business date"), _("taps"), _("gross"), _("fee"), _("net"), _("suspended")],
        [
            [link(each.run), each.taps, yuan(each.gross_fen), yuan(each.fee_fen), yuan(each.net_fen),
             yuan(each.suspended_fen)]
            for each in statements
        ],
        columns(1, 2, 3, 4, 5),
    )  # fmt: skip


@admin.register(Batch, site=office)
class BatchAdmin(ReadOnlyAdmin):
    """Uploads with what became of each record."""

    list_display = [
        "number", "terminal", "business_date", "state_label", "records", "total", "accepted", "suspended", "duplicate",
        "rejected",
    ]  # fmt: skip
    list_filter = ["state", "online", "business_date", "terminal__merchant"]
    list_select_related = ["terminal"]
    search_fields = ["number", "terminal__code"]
    fields = [
        "number", "terminal", "state", "online", "business_date", "received_at", "records", "total", "accepted",
        "suspended", "duplicate", "rejected", "digest_hex",
    ]  # fmt: skip
    readonly_fields = ["total", "digest_hex"]
    ordering = ["-pk"]
    total = yuan_column("total_fen", _("total (yuan)"))

    @display(description=_("state"), ordering="state", label={"processed": "success", "refused": "danger"})
    def state_label(self, obj: Batch) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("SHA-256"))
    def digest_hex(self, obj: Batch) -> str:
        """The digest of the body as it came."""
        return bytes(obj.digest).hex()

    def tables(self, request: HttpRequest, obj: Batch) -> list[Table]:
        """The records that were not simply accepted."""
        return [_suspended(obj), _refused(obj)]


def _suspended(batch: Batch) -> Table:
    taps = Tap.objects.filter(business_date=batch.business_date, batch_id=batch.pk)
    held = taps.exclude(outcome=Tap.Outcome.ACCEPTED).order_by("line")[:PROBLEMS]
    return Table(
        _("Suspended records"),
        [_("line"), _("occurred at"), _("offline ATC"), _("amount"), _("outcome")],
        [
            [tap.line, at(tap.occurred_at), tap.atc, yuan(tap.amount_fen), tap.get_outcome_display()]
            for tap in held
        ],
        columns(0, 2, 3),
    )


def _refused(batch: Batch) -> Table:
    refusals = Refusal.objects.filter(business_date=batch.business_date, batch_id=batch.pk).order_by("line")[
        :PROBLEMS
    ]
    return Table(
        _("Refused records"),
        [_("line"), _("reason"), _("detail"), _("record as received")],
        [[each.line, refusal_words(each.code), each.detail, each.record] for each in refusals],
        columns(0),
    )


def batches_table(batches: list[Batch]) -> Table:
    """Uploads in short."""
    return Table(
        _("Batches"),
        [_("batch number"), _("received at"), _("records"), _("accepted"), _("suspended"), _("duplicate"), _("rejected")],
        [
            [link(each, each.number), at(each.received_at), each.records, each.accepted, each.suspended,
             each.duplicate, each.rejected]
            for each in batches
        ],
        columns(2, 3, 4, 5, 6),
    )  # fmt: skip
