"""JSON bodies, read as strictly as they are described: text is text, a number is a number, a moment has its offset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers as s

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Body(s.Serializer[Any]):
    """A serializer that takes no value for another: the library would read 12 as a text, and "12" as a number."""

    def to_internal_value(self, data: Any) -> Any:
        """As the library, once each value is of its field's kind. Raises ValidationError naming the fields that are not."""
        if isinstance(data, Mapping):
            wrong = {
                name: [rule]
                for name, field in self.fields.items()
                if (rule := _broken_rule(field, data.get(name))) is not None
            }
            if wrong:
                raise s.ValidationError(wrong)
        return super().to_internal_value(data)


def _broken_rule(field: s.Field[Any, Any, Any, Any], value: Any) -> Any:
    if value is None:  # missing, or for the field to judge
        return None
    if isinstance(field, s.CharField) and not isinstance(value, str):
        return field.error_messages["invalid"]
    if isinstance(field, s.IntegerField) and (isinstance(value, bool) or not _is_whole(value)):
        return field.error_messages["invalid"]
    if isinstance(field, s.DateTimeField) and not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        return _("is no time like 2026-03-02T12:00:00+08:00")
    return None


def _is_whole(value: Any) -> bool:
    """JSON knows one kind of number: 5.0 is 5."""
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
