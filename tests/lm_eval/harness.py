"""lm-eval in a process of its own, with no network and a cache folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "assets" / "tiny"
MISSING = "lm-eval is not installed: pip install -c constraints.txt -e '.[lm-eval]'"
# `python -m lm_eval_axon` that looks for tasks in --include_path alone: to read lm-eval's own takes nine seconds.
IN_OUR_FOLDER = """
import runpy
from lm_eval.tasks import TaskManager

read = TaskManager.__init__
TaskManager.__init__ = lambda *given, **named: read(*given, **named, include_defaults=False)
runpy.run_module("lm_eval_axon", run_name="__main__")
"""


def python(cache: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """`python WORDS` at the repository's root."""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(cache)}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env=os.environ | offline | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
    )
