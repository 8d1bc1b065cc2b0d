"""launch.py with a toy search, as a process of its own. The file RESULTS gets a line per result: worker, setting.

With DIES, a file that isn't there yet, the first slice of all finds that CUDA has failed in its worker. With HELD, a
folder, every step of a worker writes a file there, SETTING-MACHINE-PROCESS, and waits for the file `go`. With LACKING,
a file, workers of a node that was started with LACKING, too, don't find the models in folders of the names that it says
there, and write a line of that file, for which others wait.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import launch  # noqa: E402
from axon import CheckpointError  # noqa: E402
from pipeline.search import SEARCHES  # noqa: E402
from pipeline.workers import sweep  # noqa: E402
from tests.pipeline.toy_search import bisecting  # noqa: E402

NFE = 4
bisect_nfe = bisecting(lambda outcome: (outcome.nfe or 0.0) > NFE)


class Noting(sweep.Watch):
    def on_trial_result(self, *arguments: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
        super().on_trial_result(*arguments, trial=trial, result=result, **info)
        with open(os.environ["RESULTS"], "a") as results:
            results.write(f"{result['place'].process} {trial.config['setting']}\n")


def cuda_has_failed() -> Iterator[Any]:
    raise RuntimeError("CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA`.")
    yield


class Dying(sweep.SliceTrial):
    def step(self) -> dict[str, Any]:
        with suppress(FileExistsError):
            os.close(os.open(os.environ["DIES"], os.O_CREAT | os.O_EXCL))
            self._slices = cuda_has_failed()
        return super().step()


class Held(sweep.SliceTrial):
    folder = Path(
        os.environ.get("HELD", "")
    )  # goes with the class to the workers, as the environment does not

    def step(self) -> dict[str, Any]:
        (self.folder / f"{self.config['setting']}-{platform.node()}-{os.getpid()}").touch()
        while not (self.folder / "go").exists():
            time.sleep(0.05)
        return super().step()


class Lacking(sweep.SliceTrial):
    tried = Path(os.environ.get("LACKING", ""))  # goes with the class, as with Held

    def setup(self, config: dict[str, Any], worker: Any = None) -> None:
        super().setup(config, worker)
        if "LACKING" in os.environ:
            self._found = self._evaluator._load
            self._evaluator._load = self._find  # type: ignore[method-assign]

    def step(self) -> dict[str, Any]:
        while "LACKING" not in os.environ and not self.tried.exists():
            time.sleep(0.05)
        return super().step()

    def _find(self, model: Any) -> Any:
        if Path(model.path).name not in os.environ["LACKING"].split():
            return self._found(model)
        with open(self.tried, "a") as tried:
            tried.write(f"{os.getpid()} {model.path}\n")
        raise CheckpointError(f"model.path={model.path!r}: no such folder; check the path")


if __name__ == "__main__":
    SEARCHES["bisect_nfe"] = bisect_nfe
    sweep.Watch = Noting  # type: ignore[misc]
    if "DIES" in os.environ:
        sweep.SliceTrial = Dying  # type: ignore[misc]
    if "LACKING" in os.environ:
        sweep.SliceTrial = Lacking  # type: ignore[misc]
    if "HELD" in os.environ:
        sweep.SliceTrial = Held  # type: ignore[misc]
    sys.exit(launch.main())
