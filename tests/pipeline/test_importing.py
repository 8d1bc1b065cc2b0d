"""What importing the model's code leaves out, and that everything is afterwards as it was."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

from pipeline.importing import importing_models

PROGRAM = """
import gc, sys
from pipeline.importing import importing_models
with importing_models():
    from pipeline.evaluation.evaluate import load
from axon import load_model
load_model("assets/tiny")
from transformers import utils
print(gc.isenabled(), "scipy" in sys.modules, utils.is_scipy_available())
"""


def test_models_load_without_scipy_which_is_still_there_for_others() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("True False True\n", 0), done.stderr


def test_a_failed_import_leaves_nothing_changed() -> None:
    from transformers import utils

    before = utils.is_scipy_available
    with pytest.raises(ImportError), importing_models():
        assert not utils.is_scipy_available()
        raise ImportError
    assert utils.is_scipy_available is before
