"""The terms by which purchases are held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from tests.terminals.field import Field


@pytest.fixture
def terms(field: Field) -> Field:
    """A terminal whose channel has an acceptance policy."""
    from tests.terminals.held.held_city import publish_terms

    publish_terms()
    return field
