"""What a citizen has to be known how well for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext_lazy as _

from accounts.errors import LevelTooLow
from accounts.models import Citizen

Level = Citizen.Level


class Operation(StrEnum):
    """What has a level of its own."""

    REAL_NAME_CARD = "real_name_card"
    MANDATE = "mandate"
    FAMILY = "family"


LABELS: Final = {
    Operation.REAL_NAME_CARD: _("A real-name card"),
    Operation.MANDATE: _("Automatic top-up"),
    Operation.FAMILY: _("Paying for a family member"),
}
NEEDED: Final[Mapping[Operation, Level]] = {
    Operation.REAL_NAME_CARD: Level.SEEN,
    Operation.MANDATE: Level.SEEN,
    Operation.FAMILY: Level.CHECKED,
}
"""The least level of each; an anonymous card asks for none."""


def require_level(citizen: Citizen, operation: Operation) -> None:
    """Raises LevelTooLow."""
    needed = NEEDED[operation]
    if citizen.level < needed:
        raise LevelTooLow(operation=LABELS[operation], needed=needed.label, level=Level(citizen.level).label)
