"""What the terminal is told about an upload. Plain JSON, stored with the batch, so that a repeat gets the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from citizencard.core.problems import problem
from terminals.services.acceptance.intake import Finding, Upload
from terminals.services.acceptance.judgement import Verdict
from terminals.wire.errors import BatchError
from terminals.wire.reasons import REASONS
from terminals.wire.record import TapRecord

UNPROCESSABLE = 422
_RESULTS = {verdict.code: verdict.result for verdict in Verdict}


def result_of(code: str) -> str:
    """`accepted`, `suspended`, `duplicate` or `rejected`: the place where a record of that reason ends."""
    return _RESULTS.get(code, "rejected")


def batch_answer(*, upload: Upload, findings: Sequence[Finding], business_date: date) -> dict[str, Any]:
    """Counts that add up to the number of records, and a problem for each record that was not simply accepted."""
    results = [result_of(finding.code) for finding in findings]
    kept_back_fen = sum(item.line.record.amount_fen for item in findings if item.line.record)
    return {
        "batch_no": upload.number,
        "business_date": business_date.isoformat(),
        "records": len(upload.lines),
        "total_fen": upload.lines.total_fen,
        "accepted": len(upload.lines) - len(findings),
        "accepted_fen": upload.lines.total_fen - kept_back_fen,
        "suspended": results.count("suspended"),
        "duplicate": results.count("duplicate"),
        "rejected": results.count("rejected"),
        "problems": [_record_problem(finding) for finding in findings],
    }


def tap_answer(*, upload: Upload, findings: Sequence[Finding], business_date: date) -> dict[str, Any]:
    """Result, fare, balance and reason of an online purchase; a rejected one is a problem with the same fields."""
    record = upload.lines.line(1).record
    outcome = _outcome(record, findings[0].code if findings else "accepted")
    outcome["business_date"] = business_date.isoformat()
    if outcome["result"] == "rejected":
        return _record_problem(findings[0]) | outcome
    return outcome | _counters(record)


def accepted_tap(record: TapRecord) -> dict[str, Any]:
    """The answer to an online purchase that is accepted, all but the business date, which the posting gives it."""
    return _outcome(record, "accepted") | _counters(record)


def refused_batch(error: BatchError) -> dict[str, Any]:
    """The problem details of a batch refused as a whole."""
    reason = REASONS[f"batch_{error.rule}"]
    found = {"batch_no": error.batch_no, "records": error.records, "total_fen": error.total_fen}
    return problem(
        UNPROCESSABLE,
        "batch_refused",
        str(error),
        title=reason.zh,
        rule=error.rule,
        reason=reason.to_dict(),
        **found,
    )


def _record_problem(finding: Finding) -> dict[str, Any]:
    reason, error = REASONS[finding.code], finding.line.error
    broken = {"field": error.field} if error else {}
    return problem(
        UNPROCESSABLE,
        finding.code,
        finding.detail or reason.en,
        title=reason.zh,
        rule=error.rule if error else reason.rule,
        line=finding.line.number,
        result=result_of(finding.code),
        reason=reason.to_dict(),
        **broken,
        **_counters(finding.line.record),
    )


def _outcome(record: TapRecord | None, code: str) -> dict[str, Any]:
    return {
        "result": result_of(code),
        "fare_fen": record.amount_fen if record else None,
        "balance_fen": record.balance_fen if record else None,
        "reason": REASONS[code].to_dict(),
    }


def _counters(record: TapRecord | None) -> dict[str, Any]:
    """What names a record: its card and its terminal, each with the counter."""
    if record is None:
        return {}
    names = ("card_no", "atc", "terminal_no", "terminal_seq")
    return {name: getattr(record, name) for name in names}
