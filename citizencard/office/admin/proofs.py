"""Signed heads of proved dates, and each merchant's signed settlement files."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.core.audit import record_audit
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.report_pages import as_file
from citizencard.office.site import office
from settlement.exports import stable_archive
from settlement.models import ProofHead, SettlementFiles
from settlement.services.files import settlement_files


@admin.register(ProofHead, site=office)
class ProofHeadAdmin(ReadOnlyAdmin):
    """What was promised of each date."""

    list_display = ["size", "business_date", "transfers", "purses", "liabilities", "claims", "made_at"]
    fields = [
        "size", "business_date", "transfers", "transfers_hex", "purses", "purses_hex", "liabilities", "claims",
        "log_hex", "previous", "made_at", "key", "signature_hex",
    ]  # fmt: skip
    readonly_fields = [
        "liabilities",
        "claims",
        "transfers_hex",
        "purses_hex",
        "log_hex",
        "key",
        "signature_hex",
    ]
    ordering = ["-size"]
    liabilities = yuan_column("liabilities_fen", _("owed to purses (yuan)"))
    claims = yuan_column("claims_fen", _("purses below zero (yuan)"))

    @display(description=_("root of the transfers"))
    def transfers_hex(self, obj: ProofHead) -> str:
        """In hexadecimal, as it is published."""
        return bytes(obj.transfers_root).hex()

    @display(description=_("root of the purses"))
    def purses_hex(self, obj: ProofHead) -> str:
        """In hexadecimal, as it is published."""
        return bytes(obj.purses_root).hex()

    @display(description=_("root of the log"))
    def log_hex(self, obj: ProofHead) -> str:
        """In hexadecimal, as it is published."""
        return bytes(obj.log_root).hex()

    @display(description=_("public key"))
    def key(self, obj: ProofHead) -> str:
        """In hexadecimal, as it is published."""
        return bytes(obj.public_key).hex()

    @display(description=_("signature"))
    def signature_hex(self, obj: ProofHead) -> str:
        """In hexadecimal, as it is published."""
        return bytes(obj.signature).hex()


@admin.register(SettlementFiles, site=office)
class SettlementFilesAdmin(ReadOnlyAdmin):
    """The files for a merchant's own books, ready to download."""

    list_display = ["business_date", "merchant", "gross", "net"]
    list_filter = ["statement__run"]
    search_fields = ["statement__merchant__code"]
    search_help_text = _("Merchant code")
    fields = ["business_date", "merchant", "gross", "net", "manifest_text", "signature_hex"]
    readonly_fields = fields
    ordering = ["-statement__run", "statement__merchant__code"]
    actions_detail = ["download_files"]
    gross = yuan_column("statement__gross_fen", _("gross (yuan)"))
    net = yuan_column("statement__net_fen", _("net (yuan)"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[SettlementFiles]:
        """With the statement and its merchant."""
        found: QuerySet[SettlementFiles] = super().get_queryset(request)
        return found.select_related("statement__merchant")

    @display(description=_("business date"), ordering="statement__run")
    def business_date(self, obj: SettlementFiles) -> str:
        """The date that was cleared."""
        return str(obj.statement.run_id)

    @display(description=_("merchant"), ordering="statement__merchant__code")
    def merchant(self, obj: SettlementFiles) -> str:
        """Whose files they are."""
        return str(obj.statement.merchant)

    @display(description=_("manifest"))
    def manifest_text(self, obj: SettlementFiles) -> str:
        """What is signed."""
        return bytes(obj.manifest).decode()

    @display(description=_("signature"))
    def signature_hex(self, obj: SettlementFiles) -> str:
        """The centre's signature over the manifest."""
        return bytes(obj.signature).hex()

    @action(description=_("Download files"), permissions=["download"], icon="download")
    def download_files(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Statement, transfers and signed manifest in one archive. Audited."""
        files = get_object_or_404(self.get_queryset(request), pk=unquote(object_id))
        archive = stable_archive(settlement_files(files))
        name = f"settlement-{files.statement.run_id}-{files.statement.merchant.code}.zip"
        record_audit(
            actor=request.user.get_username(),
            action="settlement.download",
            subject=f"statement:{files.statement_id}",
            detail={"format": "zip"},
        )
        return as_file(archive, "application/zip", name)
