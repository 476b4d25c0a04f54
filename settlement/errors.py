"""What can stop a clearing run."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import CitizenCardError


class SettlementError(CitizenCardError):
    """Base of the errors of clearing and settlement."""

    code = "settlement_error"


class NettingDiffers(SettlementError):
    """Taps and ledger disagree about what merchants earned: data `date`, `merchants` (their codes). Nothing is posted."""

    code = "netting_differs"
    status = 409
    message = _("Business day %(date)s cannot be netted: taps and ledger disagree for %(merchants)s.")


class AuditBroken(SettlementError):
    """An invariant does not hold, so the day is not sealed: data `date`, `count`, `first`, `breaches`."""

    code = "audit_broken"
    status = 409
    message = _(
        "Business day %(date)s is not sealed: %(count)d invariants are broken, the first is %(first)s."
    )


class ProposalCheckedByMaker(SettlementError):
    """Who proposes a rule of settlement or an adjustment does not decide on it."""

    code = "proposal_checked_by_maker"
    status = 403
    message = _("Another person than proposed it has to decide.")
    rule = "four eyes"


class AlreadyDecided(SettlementError):
    """A proposal or an adjustment was decided before. Data `source` and `target`."""

    code = "already_decided"
    status = 409
    message = _("What is %(source)s cannot become %(target)s.")


class CalendarMissing(SettlementError):
    """The settlement calendar has no approved dates of a year: data `year`. A payout waits for it, clearing does not."""

    code = "calendar_missing"
    status = 409
    message = _("The settlement calendar of %(year)s is missing: approve the State Council's notice first.")


class ContractMissing(SettlementError):
    """A merchant's business date has no contract, nor a later one to wait for: data `merchant`, `date`."""

    code = "contract_missing"
    status = 409
    message = _("Merchant %(merchant)s has no contract for %(date)s: its settlement waits for one.")


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
