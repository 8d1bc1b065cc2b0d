"""What importing the model's code leaves out, and that everything is afterwards as it was."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.importing import importing_models
from tests.pipeline.conftest import ROOT

PROGRAM = """
import gc, sys
import transformers
import transformers.utils.import_utils as found_by
own, read = found_by.create_import_structure_from_path, []
found_by.create_import_structure_from_path = lambda path: read.append(path) or own(path)
from pipeline.importing import importing_models
with importing_models():
    from pipeline.evaluation.evaluate import load
from axon import DecodeSettings, decode, load_model
decode(load_model("assets/tiny"), [[5, 6]], DecodeSettings(gen_length=32))
from transformers import utils
print(gc.isenabled(), "scipy" in sys.modules, utils.is_scipy_available())
print({"torch._dynamo", "torch.distributed.tensor", "sympy"} & set(sys.modules), utils.is_torch_distributed_available())
import transformers.models as models
print(models.__file__ in read)
structure = found_by.define_import_structure(models.__file__)
anew = found_by._LazyModule(models.__name__, models.__file__, structure)
print(models.__file__ in read, set(models.__all__) == set(anew.__all__))
print(models._class_to_module == anew._class_to_module, models.Qwen3Config is transformers.Qwen3Config)
"""


@pytest.mark.slow
def test_models_decode_without_what_is_left_out_and_others_find_all() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True)
    expected = ["True False True", "set() True", "False", "True True", "True True"]
    assert done.stdout.splitlines() == expected, done.stderr
    assert done.returncode == 0


# The compiler's marks and class at their places in transformers, and the compiler itself afterwards.
COMPILED = """
import sys
from pipeline.importing import importing_models
with importing_models():
    from axon import load_model
    import transformers.masking_utils as masks
    print("torch._dynamo" in sys.modules, end=" ")
    if sys.argv[1:] == ["name"]:
        import torch
        torch._dynamo.config  # nothing that a stand-in has
    if sys.argv[1:] == ["module"]:
        from torch._dynamo.utils import is_compile_supported  # as torchvision does
        import torch._dynamo.utils as utils
        print(utils.__spec__.loader.__class__.__name__ == "SourceFileLoader", end=" ")
print("torch._dynamo" in sys.modules)
import torch
with masks.TransformGetItemToIndex():
    print(torch.arange(3)[torch.tensor(1)].item())
print(type(torch._dynamo).__name__, torch._dynamo._trace_wrapped_higher_order_op.TransformGetItemToIndex.__name__)
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "imported"), [([], "False"), (["name"], "True"), (["module"], "True True")], ids=str
)
def test_the_compiler_is_imported_when_something_is_asked_of_it(words: list[str], imported: str) -> None:
    done = subprocess.run([sys.executable, "-c", COMPILED, *words], cwd=ROOT, capture_output=True, text=True)
    expected = [f"True {imported}", "1", "module TransformGetItemToIndex", "2.0"]
    assert done.stdout.splitlines() == expected, done.stderr


def test_the_compiler_that_is_there_stays() -> None:
    import torch._dynamo as compiler

    with importing_models():
        assert sys.modules["torch._dynamo"] is compiler
    assert sys.modules["torch._dynamo"] is compiler


def test_a_failed_import_leaves_nothing_changed() -> None:
    from transformers import utils

    before = utils.is_scipy_available
    with pytest.raises(ImportError), importing_models():
        assert not utils.is_scipy_available()
        raise ImportError
    assert utils.is_scipy_available is before
