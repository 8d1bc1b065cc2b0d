"""Gates of AXON that can fire in no step, whatever the model says."""

from __future__ import annotations

from collections.abc import Iterable

from axon.settings import AxonSettings
from pipeline.planning.setting import Setting


def never_fires(settings: Iterable[Setting]) -> list[str]:
    """One line where some of the settings decode as the base decoder alone, because of how AXON's budget counts."""
    all_axon = [setting.decode.axon for setting in settings if setting.decode.axon.gate != "never"]
    silent = sum(map(_is_silent, all_axon))
    if not silent:
        return []
    return [
        "axon.gate=progress_stall with axon.budget_counts=steps and axon.max_anchor_steps=1: compares a step with the "
        "one before it, and is asked in a block's first step only, so AXON never fires in "
        f"{silent:,} of {len(all_axon):,} settings with it; choose axon.budget_counts=interventions or another gate"
    ]


def _is_silent(axon: AxonSettings) -> bool:
    return axon.gate == "progress_stall" and axon.budget_counts == "steps" and axon.max_anchor_steps == 1
