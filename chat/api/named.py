"""Objects that requests name by a text of theirs, in place of the id."""

from typing import Any

from rest_framework import serializers


class NamedField(serializers.SlugRelatedField[Any]):
    """An object by its name. No name has a zero byte, which the database cannot even be asked for."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and "\x00" in data:
            self.fail("invalid")
        return super().to_internal_value(data)
