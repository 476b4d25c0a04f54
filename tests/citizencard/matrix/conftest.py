"""People and devices with something of their own."""

from __future__ import annotations

from tests.citizencard.portal.conftest import chen, gateway, lin, net, product
from tests.terminals.conftest import card, field

__all__ = ["card", "chen", "field", "gateway", "lin", "net", "product"]
