"""A day's settlement as a file for the finance office: XLSX and CSV of the same figures, the same bytes every time."""

from settlement.exports.csv_file import settlement_csv
from settlement.exports.stable_zip import stable_archive
from settlement.exports.workbook import settlement_xlsx

__all__ = ["settlement_csv", "settlement_xlsx", "stable_archive"]
