"""Invalid weights: every number must be finite in the requested dtype, every file of the kind its name says."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axon import CheckpointError, load_model
from tests.axon.toy_model import llada_tensors, write_checkpoint

HEAD = "model.transformer.ff_out.weight"
TENSORS = llada_tensors()


def fault(folder: Path, dtype: str = "float32") -> str:
    with pytest.raises(CheckpointError) as caught:
        load_model(folder, dtype)
    text = str(caught.value)
    assert text.startswith(f"model.path={str(folder)!r}: ") and "\n" not in text
    return text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(TENSORS)),
    place=st.floats(0, 1, exclude_max=True),
    value=st.sampled_from([math.nan, math.inf, -math.inf, -math.nan]),
    dtype=st.sampled_from(["float32", "bfloat16", "float16"]),
)
def test_a_single_nan_or_infinity_is_found_wherever_it_is(
    name: str, place: float, value: float, dtype: str, tmp_path: Path
) -> None:
    tensors = {**TENSORS, name: TENSORS[name].clone()}
    numbers = tensors[name].view(-1)
    numbers[int(place * len(numbers))] = value
    text = fault(write_checkpoint(tmp_path, tensors), dtype)
    assert f"1 NaN or infinite tensors ({name} in {dtype}); copy the checkpoint again" in text


def test_a_number_too_large_for_the_dtype_is_found(tmp_path: Path) -> None:
    """1e6 is a number in float32 and bfloat16; float16 ends at 65,504."""
    tensors = {**TENSORS, HEAD: TENSORS[HEAD].clone()}
    tensors[HEAD][0, 0] = 1e6
    folder = write_checkpoint(tmp_path, tensors)
    load_model(folder, "float32")
    load_model(folder, "bfloat16")
    assert f"({HEAD} in float16); copy the checkpoint again, or choose another model.dtype" in fault(
        folder, "float16"
    )


@pytest.mark.parametrize(
    ("dtype", "kind"), [(torch.int8, "I8"), (torch.uint8, "U8"), (torch.float8_e4m3fn, "F8_E4M3")]
)
def test_quantized_weights_are_refused_as_their_scales_are_elsewhere(
    dtype: torch.dtype, kind: str, tmp_path: Path
) -> None:
    text = fault(write_checkpoint(tmp_path, {**TENSORS, HEAD: TENSORS[HEAD].to(dtype)}))
    assert f"1 quantized tensors ({HEAD} {kind})" in text


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model-00001-of-00002.bin", "model.pt", "weights.ckpt"]
)
def test_pickled_weights_are_named_and_not_read(name: str, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, TENSORS)
    (folder / "model.safetensors").rename(folder / name)
    text = fault(folder)
    assert (
        f"holds pickled weights ({name}), which may run code and are not read; convert them to safe" in text
    )
    (folder / name).unlink()
    assert "lacks model.safetensors; copy the checkpoint again" in fault(folder)


def test_a_pointer_left_by_git_lfs_is_named(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, TENSORS)
    (folder / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    assert "model.safetensors is a Git LFS pointer in place of the weights; run `git lfs pull`" in fault(
        folder
    )


@pytest.mark.parametrize("size", [0, 7, 100, -1])
def test_a_truncated_file_is_named(size: int, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, TENSORS)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:size])
    assert "model.safetensors cannot be read (" in fault(folder)


@pytest.mark.parametrize(
    "index",
    [{}, {"weight_map": []}, {"weight_map": {HEAD: 5}}, {"weight_map": {HEAD: "../model.safetensors"}}],
)
def test_an_index_that_does_not_name_files_of_the_folder_is_refused(index: object, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, TENSORS)
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model.safetensors.index.json does not map tensors to files; copy it again" in fault(folder)
