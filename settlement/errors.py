"""What can stop a clearing run, a payout, a file from the bank."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import CitizenCardError
from settlement.bankfiles.values import Problem


class SettlementError(CitizenCardError):
    """Base of the errors of clearing and settlement."""

    code = "settlement_error"


class NettingDiffers(SettlementError):
    """Taps and ledger disagree about what merchants earned: data `date`, `merchants` (their codes). Nothing is posted."""

    code = "netting_differs"
    status = 409
    message = _("Business day %(date)s cannot be netted: taps and ledger disagree for %(merchants)s.")


class RecheckFailed(SettlementError):
    """Taps of the date are not what was taken in, so it is not netted: data `date`, `count`, `first`, `breaches`."""

    code = "recheck_failed"
    status = 409
    message = _(
        "Business day %(date)s is not netted: %(count)d of its taps or batches are not what was accepted, the first is %(first)s."
    )


class AuditBroken(SettlementError):
    """An invariant does not hold, so the day is not sealed: data `date`, `count`, `first`, `breaches`."""

    code = "audit_broken"
    status = 409
    message = _(
        "Business day %(date)s is not sealed: %(count)d invariants are broken, the first is %(first)s."
    )


class DayNotSealed(SettlementError):
    """Nothing is proved of a business date that may still change, nor before the dates before it: data `date`."""

    code = "day_not_sealed"
    status = 409
    message = _("Business day %(date)s cannot be proved yet: it, or a day before it, is not sealed.")


class LiabilitiesDiffer(SettlementError):
    """Purses and control accounts disagree at the close of a date: data `date`, `purses_fen`, `ledger_fen`. Nothing is signed."""

    code = "liabilities_differ"
    status = 409
    message = _(
        "Business day %(date)s cannot be proved: purses hold %(purses_fen)d fen, the ledger owes them %(ledger_fen)d fen."
    )


class TreeDiffers(SettlementError):
    """The books of a date are not what was proved of them: data `date`. Somebody has altered one or the other."""

    code = "tree_differs"
    status = 409
    message = _("The books of %(date)s are not what was proved of them. The centre examines this.")


class FilesDiffer(SettlementError):
    """A merchant's files no longer come out as they were signed: data `date`, `merchant`."""

    code = "files_differ"
    status = 409
    message = _(
        "The settlement files of %(merchant)s for %(date)s are not what was signed. They are not given out."
    )


class NotCleared(SettlementError):
    """Merchants are paid for cleared dates only: data `date`, the oldest that is not."""

    code = "not_cleared"
    status = 409
    message = _("Business day %(date)s is not cleared yet; nothing is paid out.")


class NothingToPay(SettlementError):
    """No merchant can be paid: data `date`, `carried` (merchants with an amount that stays due)."""

    code = "nothing_to_pay"
    status = 409
    message = _("Nothing can be paid out through %(date)s; %(carried)d merchants are carried forward.")


class IllegalPayoutStep(SettlementError):
    """A payout batch has no such step: data `source`, `target`."""

    code = "illegal_payout_step"
    status = 409
    message = _("A payout batch cannot go from %(source)s to %(target)s.")


class IllegalSuspenseStep(SettlementError):
    """A suspense item has no such step: data `source`, `target`."""

    code = "illegal_suspense_step"
    status = 409
    message = _("A suspense item cannot go from %(source)s to %(target)s.")


class BankFileRefused(SettlementError):
    """A file from the bank of which nothing was taken: data `problems`, each with line, field and fault; `first`."""

    code = "bank_file_refused"
    status = 422
    message = _("The file is refused and nothing of it was taken: line %(line)s, %(field)s: %(fault)s.")

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(
            problems=tuple(problems), line=first.line, field=first.field, fault=first.fault.label
        )


class FileChanged(SettlementError):
    """A kept file no longer has its SHA-256: data `file`."""

    code = "file_changed"
    status = 409
    message = _("File %(file)s no longer has its SHA-256; it is not given out.")


class NoBankStatement(SettlementError):
    """The bank's closing balance of a date is not known: data `date`."""

    code = "no_bank_statement"
    status = 409
    message = _("There is no bank statement that tells the closing balance of %(date)s.")


class ReserveDiffers(SettlementError):
    """Bank and books do not agree, so there is no report: data `date`, `difference_fen`."""

    code = "reserve_differs"
    status = 409
    message = _("Bank and books of %(date)s differ by %(difference_fen)d fen; there is no report.")
    rule = "条例 27-29"


class MonthNotReady(SettlementError):
    """A month is closed when it is over, sealed, rolled up and reconciled: data `month`, `first` (what stands against it), `count`."""

    code = "month_not_ready"
    status = 409
    message = _("%(month)s cannot be closed: %(first)s (%(count)d in all).")


class MonthTaken(SettlementError):
    """The month is closed, or somebody has proposed to close it: data `month`."""

    code = "month_taken"
    status = 409
    message = _("%(month)s is closed already, or its closing is proposed.")


class ReportDiffers(SettlementError):
    """What was kept of a closed month no longer has its digest: data `month`, `report`. It is not given out."""

    code = "report_differs"
    status = 409
    message = _("Report %(report)s of %(month)s is not what was kept when the month was closed.")


class CalendarMissing(SettlementError):
    """The settlement calendar has no approved dates of a year: data `year`. A payout waits for it, clearing does not."""

    code = "calendar_missing"
    status = 409
    message = _("The settlement calendar of %(year)s is missing: approve the State Council's notice first.")


class CheckNotAsked(SettlementError):
    """None of the person's roles has to check the adjustment, or not any more: data `roles` that still have to."""

    code = "check_not_asked"
    status = 403
    message = _("This adjustment still has to be checked by: %(roles)s.")
    rule = "amount tiers"


class PolicyMissing(SettlementError):
    """No approved policy says who checks adjustments on a date: data `date`."""

    code = "policy_missing"
    status = 409
    message = _("No adjustment policy is in force on %(date)s.")


class NotReconcilable(SettlementError):
    """A business date that may still change is not compared: data `date`."""

    code = "not_reconcilable"
    status = 409
    message = _("Business day %(date)s is not sealed: it cannot be reconciled yet.")


class IllegalDifferenceStep(SettlementError):
    """A difference cannot go from its state to another. Data `source` and `target`."""

    code = "illegal_difference_step"
    status = 409
    message = _("A difference that is %(source)s cannot become %(target)s.")


class DecidedElsewhere(SettlementError):
    """A difference of this kind ends with the purchase, claim or item behind it: data `kind`."""

    code = "decided_elsewhere"
    status = 409
    message = _("Differences of the kind %(kind)s are not decided here, but end with what is behind them.")


class NotDisputable(SettlementError):
    """The charge cannot be disputed: data `reason`."""

    code = "not_disputable"
    status = 409
    message = _("This cannot be disputed: %(reason)s.")


class DisputePolicyMissing(SettlementError):
    """No approved policy says how such a dispute is decided: data `kind`, `date`."""

    code = "dispute_policy_missing"
    status = 409
    message = _("No policy for disputes of this kind (%(kind)s) is in force on %(date)s.")


class DisputeTooLate(SettlementError):
    """The charge is older than may be disputed: data `days`; `rule` is the policy's legal basis."""

    code = "dispute_too_late"
    status = 409
    message = _("A charge can be disputed for %(days)s days.")

    def __init__(self, *, legal_basis: str, **data: object) -> None:
        super().__init__(**data)
        self.rule = legal_basis


class IllegalDisputeStep(SettlementError):
    """A dispute has no such step: data `source`, `target`."""

    code = "illegal_dispute_step"
    status = 409
    message = _("A dispute that is %(source)s cannot become %(target)s.")


class DecidedByParty(SettlementError):
    """Who opened a dispute, or decided it before the appeal, does not decide it."""

    code = "decided_by_party"
    status = 403
    message = _("Another person has to decide than opened the dispute or decided it before.")
    rule = "separation of duties"


class DecisionProposed(SettlementError):
    """Something else waits for a second person: data `maker`."""

    code = "decision_proposed"
    status = 409
    message = _("%(maker)s has proposed a decision that waits for a second person.")


class NothingOwed(SettlementError):
    """There is no credit of the dispute that anybody owes."""

    code = "nothing_owed"
    status = 409
    message = _("Nothing of a credit is owed.")
