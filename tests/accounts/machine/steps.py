"""Everything that can happen in the city, in one machine."""

from __future__ import annotations

from tests.accounts.machine.citizens import CitizenSteps
from tests.accounts.machine.purses import PurseSteps
from tests.accounts.machine.refunds import RefundSteps
from tests.accounts.machine.rides import RideSteps
from tests.accounts.machine.topups import TopUpSteps


class CitySteps(TopUpSteps, RideSteps, PurseSteps, RefundSteps, CitizenSteps):
    """All areas together: money, cards, rides and time meet."""
