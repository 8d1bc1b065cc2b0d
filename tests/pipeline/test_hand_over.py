"""What Tune does between two settings of a worker, which waits meanwhile."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.planning.assignment import Assignment

pytestmark = pytest.mark.slow  # importing Ray takes seconds


def test_a_trial_asks_rays_head_for_nothing_and_copies_no_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both would take milliseconds in which a worker waits for it."""
    import pipeline.workers.sweep  # noqa: F401  # sets what Ray reads first
    from pipeline.workers.tune_search import trial_class_read_once
    from ray.tune.experiment import trial  # isort: skip

    asked: list[str] = []
    for name in ("get_trainable_cls", "validate_trainable"):
        monkeypatch.setattr(trial, name, asked.append)
    for _ in range(2):  # another run of Tune may have another class of that name
        with trial_class_read_once():
            for _ in range(3):
                trial.get_trainable_cls("it")
                trial.validate_trainable("it")
    assert asked == ["it"] * 4
    setting: Any = SimpleNamespace(id="s0")
    assignment = Assignment(setting, ((0, 4),))
    assert deepcopy({"assignment": assignment})["assignment"] is assignment
