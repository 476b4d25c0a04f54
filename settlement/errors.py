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
