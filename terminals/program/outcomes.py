"""How a terminal tells each outcome: by which rule it was decided, and what the holder hears."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Beep(Enum):
    """Tones and pauses in turn, in milliseconds."""

    PAID = (100,)
    NOTICE = (100, 100, 100)
    AGAIN = (60, 60, 60, 60, 60, 60, 60)
    REFUSED = (600,)
    ALARM = (600, 200, 600)


OUTCOMES: Final[dict[str, tuple[str, Beep]]] = {
    "accepted": ("tariff", Beep.PAID),
    "entry": ("trip", Beep.PAID),
    "recovered": ("proof", Beep.PAID),
    "retap": ("retap-guard", Beep.NOTICE),
    "max_fare": ("tariff-max", Beep.NOTICE),
    "unfinished": ("proof", Beep.AGAIN),
    "read_error": ("card-contact", Beep.AGAIN),
    "other_card": ("proof", Beep.AGAIN),
    "listed": ("hot-list", Beep.ALARM),
    "false_card": ("mac2", Beep.ALARM),
    "no_entry": ("trip", Beep.REFUSED),
    "not_a_card": ("card-application", Beep.REFUSED),
    "expired": ("card-validity", Beep.REFUSED),
    "blocked": ("card-block", Beep.REFUSED),
    "insufficient": ("purse-balance", Beep.REFUSED),
    "overdraft": ("limit-overdraft", Beep.REFUSED),
    "over_single": ("limit-single", Beep.REFUSED),
    "over_daily_count": ("limit-offline-count", Beep.REFUSED),
    "over_daily_sum": ("limit-offline-sum", Beep.REFUSED),
    "no_tariff": ("tariff", Beep.REFUSED),
    "no_fare": ("tariff", Beep.REFUSED),
    "terminal_fault": ("terminal", Beep.REFUSED),
    "qr_format": ("ride-code-format", Beep.REFUSED),
    "qr_key": ("ride-code-key", Beep.REFUSED),
    "qr_forged": ("ride-code-signature", Beep.ALARM),
    "qr_altered": ("ride-code-signature", Beep.ALARM),
    "qr_early": ("ride-code-time", Beep.REFUSED),
    "qr_expired": ("ride-code-time", Beep.REFUSED),
    "qr_replayed": ("ride-code-once", Beep.REFUSED),
    "qr_over": ("ride-code-limit", Beep.REFUSED),
    "qr_busy": ("ride-code-once", Beep.AGAIN),
    "journal_full": ("journal-first", Beep.REFUSED),
    "incomplete": ("trip-unfinished", Beep.NOTICE),
    "lost_entry": ("tariff-max", Beep.NOTICE),
    "free_ride": ("out-of-service", Beep.NOTICE),
    "out_of_service": ("out-of-service", Beep.REFUSED),
    "suspended": ("centre-state", Beep.REFUSED),
    "line_needed": ("channel-online", Beep.REFUSED),
    "card_not_here": ("card-trips", Beep.REFUSED),
    "real_name_only": ("channel-real-name", Beep.REFUSED),
    "cover": ("channel-cover", Beep.REFUSED),
    "one_holder": ("trip", Beep.REFUSED),
    "present_card": ("meter", Beep.PAID),
    "not_confirmed": ("meter", Beep.REFUSED),
    "reversed": ("channel-cancel", Beep.NOTICE),
    "given_back": ("channel-refund", Beep.REFUSED),
    "refunded": ("channel-refund", Beep.NOTICE),
    "not_reversible": ("channel-cancel", Beep.REFUSED),
    "too_late": ("channel-refund", Beep.REFUSED),
    "unknown_purchase": ("journal", Beep.REFUSED),
    "balance": ("inquiry", Beep.NOTICE),
    "loaded": ("load", Beep.PAID),
    "nothing_waits": ("load", Beep.NOTICE),
    "wrong_pin": ("card-pin", Beep.REFUSED),
    "no_line": ("load", Beep.REFUSED),
    "load_failed": ("load", Beep.REFUSED),
}
"""By reason code: every outcome the terminal itself comes to."""
CENTRE: Final = ("centre", Beep.REFUSED)
"""For what the centre says of an online purchase."""
