"""A city whose staff need a second factor, and browsers that sign in as people do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.citizencard.office.conftest import money

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from tests.citizencard.staff.desk import Desk

__all__ = ["money"]


@pytest.fixture
def strict(settings: Any) -> None:
    """As in production: nobody comes in without a second factor."""
    settings.STAFF_SECOND_FACTOR = True


@pytest.fixture
def desk(db: None, strict: None) -> Desk:
    """The clerk before the sign-in page, with a password and nothing else."""
    from tests.citizencard.city import make_staff
    from tests.citizencard.staff.desk import Desk

    make_staff()
    return Desk("clerk")
