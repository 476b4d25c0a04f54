"""A holder, and the policies by which disputes are decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.models import BusinessDay
    from tests.settlement.disputes.cases import Holder


@pytest.fixture
def lin(open_day: BusinessDay) -> Holder:
    from tests.settlement.disputes.cases import holder, publish_policies

    publish_policies("not_given", "top_up")
    return holder()
