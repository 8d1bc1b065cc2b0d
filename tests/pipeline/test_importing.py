"""What importing the model's code leaves out, and that everything is afterwards as it was."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

from pipeline.importing import importing_models

PROGRAM = """
import gc, sys
import transformers
import transformers.utils.import_utils as found_by
own, read = found_by.create_import_structure_from_path, []
found_by.create_import_structure_from_path = lambda path: read.append(path) or own(path)
from pipeline.importing import importing_models
with importing_models():
    from pipeline.evaluation.evaluate import load
from axon import load_model
load_model("assets/tiny")
from transformers import utils
print(gc.isenabled(), "scipy" in sys.modules, utils.is_scipy_available())
import transformers.models as models
print(models.__file__ in read)
structure = found_by.define_import_structure(models.__file__)
anew = found_by._LazyModule(models.__name__, models.__file__, structure)
print(models.__file__ in read, set(models.__all__) == set(anew.__all__))
print(models._class_to_module == anew._class_to_module, models.Qwen3Config is transformers.Qwen3Config)
"""


def test_models_load_without_scipy_and_one_search_for_models_and_others_find_all() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["True False True", "False", "True True", "True True"], done.stderr
    assert done.returncode == 0


def test_a_failed_import_leaves_nothing_changed() -> None:
    from transformers import utils

    before = utils.is_scipy_available
    with pytest.raises(ImportError), importing_models():
        assert not utils.is_scipy_available()
        raise ImportError
    assert utils.is_scipy_available is before
