"""What the finance office takes away: a day's settlement and a difference's evidence, the same bytes every time."""

from settlement.exports.csv_file import settlement_csv
from settlement.exports.evidence_pack import evidence_pack
from settlement.exports.stable_zip import stable_archive
from settlement.exports.workbook import settlement_xlsx

__all__ = ["evidence_pack", "settlement_csv", "settlement_xlsx", "stable_archive"]
