"""What may be typed into a field, as a pattern for programs and as a sentence for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

WORDED = "worded"
"""The type of an error whose message is a sentence of ours."""


@dataclass(frozen=True, slots=True)
class Spelt:
    """Annotates a text: ``Annotated[str, Spelt("[0-9]+d", "give 7d or 30d")]``. All of it has to match."""

    pattern: str
    say: str
    """What may be given, for who gave something else."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Check the text after all else."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say the pattern in the description of the API."""
        return handler(schema) | {"pattern": f"^({self.pattern})$"}

    def _checked(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise PydanticCustomError(WORDED, "{say}", {"say": self.say})
        return text
