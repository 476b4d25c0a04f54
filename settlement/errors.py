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
