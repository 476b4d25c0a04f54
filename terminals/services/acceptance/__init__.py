"""Acceptance: what terminals upload becomes taps, transfers and refusals.

`service` receives and stores, `intake` reads records and has their TACs checked, `judgement` decides each record in SQL,
`posting` writes taps and transfers, `answers` says what happened.
"""

from terminals.services.acceptance.service import accept_batch, accept_tap

__all__ = ["accept_batch", "accept_tap"]
