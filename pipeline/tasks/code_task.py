"""What tasks whose answers are programs have in common: they are scored by running them in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.sandbox import Require, Sandbox, shared_sandbox
from pipeline.tasks.task import Score


@dataclass(frozen=True)
class CodeTask:
    """Scores answers by running them. Raises RuntimeError if the sandbox itself fails: the answer is then unscored."""

    require: Require = "isolated"

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox of this process. Raises ConfigError if the machine lacks what is required."""
        return shared_sandbox(self.require)

    def passes(self, program: str | None, tests: str) -> bool:
        """Whether the program passes the tests; no program never does."""
        return program is not None and self.sandbox.run(program, tests).passed

    def outputs(self, program: str, inputs: list[list[Any]]) -> list[Any] | None:
        """What the program's function `f` returns for each input; None if it fails or runs too long."""
        return self.sandbox.outcomes(program, inputs)

    def judged(self, program: str | None, as_written: str, tests: str) -> Score:
        """The score of the program found in the answer; `harness` is that of the answer as lm-eval would run it."""
        value = self.passes(program, tests)
        harness = value if as_written == program else self.passes(as_written, tests)
        return Score(float(value), program, {"harness": float(harness)}, self.sandbox.level)
