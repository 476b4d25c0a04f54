"""The evidence pack 证据包 of a difference: its tables as CSV in one archive, what each is, and their hashes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from citizencard.core.calendar import shanghai
from settlement.exports.csv_file import BOM, safe
from settlement.exports.stable_zip import stable_archive

_ABOUT: Final[Mapping[str, tuple[str, str]]] = {
    "difference": ("本差异：种类、金额（分）、责任方、状态", "the difference: kind, amounts in fen, owner, state"),
    "history": ("处理过程，由数据库自动登记", "its history, as the database wrote it down"),
    "terminal": ("终端登记信息", "the terminal as registered"),
    "keys": ("终端签名公钥及有效期", "the terminal's public signing keys and when each counted"),
    "heartbeats": ("终端心跳：密钥版本、时钟偏差", "the terminal's heartbeats: key version, clock"),
    "totals": ("终端批结总额（终端账）", "what the terminal told of its journal"),
    "counts": ("中心按清算日期计入该批结的笔数和金额", "what the centre counted of that window, by business date"),
    "batches": ("所属批次及其 SHA-256", "the batches, with the SHA-256 of their bytes"),
    "records": (
        "被拒收记录原文（卡号已脱敏，附原文 SHA-256）",
        "records refused, as received (card number masked, SHA-256 of the original)",
    ),
    "purchases": ("已受理交易（卡号已脱敏）", "purchases accepted (card numbers masked)"),
    "transfers": ("相应的账务分录", "their transfers in the ledger"),
    "orders": ("出款指令", "the payout order"),
    "bank": ("银行对账单分录", "entries of the bank's statements"),
    "suspense": ("银行挂账项目", "the suspense item"),
    "files": ("银行文件及其 SHA-256、发现的问题", "files of the bank, their SHA-256 and what was wrong"),
    "audit": ("操作审计记录", "audit trail"),
}  # fmt: skip
_README: Final = "README.txt"
_HASHES: Final = "SHA256SUMS.txt"


def evidence_pack(name: str, tables: Mapping[str, list[dict[str, Any]]]) -> bytes:
    """An archive of `tables`, named `name` in its description; the same tables are the same bytes."""
    files = {f"{table}.csv": _csv(rows) for table, rows in tables.items()}
    files[_README] = _readme(name, list(tables)).encode()
    hashes = "".join(f"{hashlib.sha256(content).hexdigest()}  {file}\n" for file, content in files.items())
    return stable_archive(files | {_HASHES: hashes.encode()})


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(rows[0])
    writer.writerows(safe(map(_cell, row.values())) for row in rows)
    return (BOM + text.getvalue()).encode()


def _cell(value: Any) -> str | int:
    if isinstance(value, datetime):
        return shanghai(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value if isinstance(value, int) else "" if value is None else str(value)


def _readme(name: str, tables: list[str]) -> str:
    files = "".join(
        f"{table}.csv\n    {chinese}\n    {english}\n"
        for table, (chinese, english) in _ABOUT.items()
        if table in tables
    )
    return (
        f"对账差异证据包 {name}\nEvidence of the reconciliation difference {name}\n\n"
        "金额单位为分，时间为北京时间。个人信息已脱敏。同一状态的差异，导出的字节完全相同。\n"
        "Amounts are in fen, times are Beijing time. Personal data are masked. The same state gives the same bytes.\n\n"
        f"{files}{_HASHES}\n    以上各文件的 SHA-256，可用 sha256sum -c 核对\n    SHA-256 of the files above; check with sha256sum -c\n"
    )
