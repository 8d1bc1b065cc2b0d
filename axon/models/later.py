"""A class that is imported when it is first needed: families can then be named and read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Later:
    """A class by the module that has it, and its name. Calling it makes an instance."""

    module: str
    name: str

    @property
    def kind(self) -> Any:
        return getattr(import_module(self.module), self.name)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.kind(*arguments, **keywords)


def of_transformers(name: str) -> Later:
    return Later("transformers", name)
