"""Counties by their codes of GB/T 2260, as python-stdnum knows them."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from django.utils.translation import gettext_lazy as _
from stdnum import numdb

from citizencard.core.errors import InvalidField

_SINCE: Final = re.compile(r"^\[[^\]]*\]")
"""The table says since when a name holds."""


@cache
def county_name(code: str) -> str:
    """`350503` → `丰泽区`; empty where the code stands for nothing."""
    parts = numdb.get("cn/loc").info(code)
    found = parts[-1][1].get("county", "") if len(parts) == 2 and len(code) == 6 else ""
    return _SINCE.sub("", found)


def checked_county(code: str) -> str:
    """The code, if a county has it; empty where none is known. Raises InvalidField."""
    if code and not county_name(code):
        raise InvalidField("county", _("no county of GB/T 2260"))
    return code
