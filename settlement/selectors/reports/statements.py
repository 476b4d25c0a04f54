"""The figures of a settlement statement as columns of reports."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from settlement.selectors.reports.frame import count, fen

FIELDS: Final = (
    "taps", "online", "online_fen", "gross_fen", "fee_fen", "adjusted_fen", "net_fen", "suspended_taps", "suspended_fen",
)  # fmt: skip
"""Fields of a statement, in the order of FIGURES."""
FIGURES: Final = (
    count(_("card taps")),
    count(_("online payments")),
    fen(_("online amount")),
    fen(_("gross")),
    fen(_("fee")),
    fen(_("adjustments")),
    fen(_("net")),
    count(_("suspended taps")),
    fen(_("suspended amount")),
)
