"""Reports as files for the finance office: XLSX, CSV and PDF of the same figures, the same bytes every time."""

from settlement.exports.csv_file import report_csv
from settlement.exports.pdf_file import report_pdf
from settlement.exports.stable_zip import stable_archive
from settlement.exports.workbook import report_xlsx

__all__ = ["report_csv", "report_pdf", "report_xlsx", "stable_archive"]
