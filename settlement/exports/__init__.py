"""What the finance office takes away: reports as XLSX, CSV and PDF of the same figures, and a difference's evidence; the same bytes every time."""

from settlement.exports.csv_file import report_csv
from settlement.exports.evidence_pack import evidence_pack
from settlement.exports.pdf_file import report_pdf
from settlement.exports.stable_zip import stable_archive
from settlement.exports.workbook import report_xlsx

__all__ = ["evidence_pack", "report_csv", "report_pdf", "report_xlsx", "stable_archive"]
