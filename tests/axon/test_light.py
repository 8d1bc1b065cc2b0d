"""Settings are made and checked without torch: a wrong value answers at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

import axon
from axon import DECODERS, Dawn, DecodeSettings
from axon.decoders import DecoderSettings

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
from axon import AxonSettings, DecodeSettings, Trace
from axon.decoders import DECODERS, DecoderSettings
from axon.identity import decode_identity
from axon.settings import check_ends
from axon.trace import COUNTS

for decoder in DECODERS.values():
    own = {"token_counts": "assets/tiny/token_counts.json"} if decoder.name == "pc_sampler" else {}
    for gate in ("never", "adaptive_coverage"):
        axon = AxonSettings(gate=gate, policy="conflict_averse", tau_sink="4x")
        decode_identity(DecodeSettings(block_length=32, decoder=decoder(**own), axon=axon), 32)
wrong = [
    lambda: AxonSettings(gate="coverage"),
    lambda: AxonSettings(attention_layers="few"),
    lambda: AxonSettings(tau_sink="4y"),
    lambda: DECODERS["dawn"](tau_sink="x"),
    lambda: DECODERS["fixed_steps"](remasking="none"),
    lambda: DecodeSettings(block_length=32, decoder=DECODERS["fixed_steps"](steps=7)),
    lambda: DecodeSettings(gen_length=10, block_length=4),
    lambda: DecodeSettings(gen_length=10).for_model(4),
    lambda: DecodeSettings(top_p=0.9),
    lambda: DecodeSettings(decoder=DECODERS["left_to_right"](), end_of_text="confidence_eos_eot_inf"),
    lambda: decode_identity(DecodeSettings(block_length=32, axon=AxonSettings(attention_layers="last 4")), 2),
    lambda: check_ends(DecodeSettings(end_of_text="stop_at_eos"), (), ()),
    lambda: check_ends(DecodeSettings(end_of_text="logits_eos_inf"), (), (5,)),
]
for make in wrong:
    try:
        make()
    except ValueError as error:
        assert "\\n" not in str(error)
    else:
        raise SystemExit("a wrong value was taken")
print(*{"torch", "transformers"} & set(sys.modules))
"""


def test_settings_are_checked_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


def test_every_public_name_is_there_whatever_was_imported_before() -> None:
    """A submodule of the same name would take its place: pytest has imported all of them by now."""
    for name in axon.__all__:
        assert not isinstance(getattr(axon, name), ModuleType)
        assert not (ROOT / "axon" / f"{name}.py").exists()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = axon.nothing  # type: ignore[attr-defined]


def test_the_registry_names_every_decoder_once() -> None:
    assert list(DECODERS.values()) == list(get_args(DecoderSettings))
    assert all(kind.name == name == kind().name for name, kind in DECODERS.items())


def test_pydantic_tells_decoders_apart_by_name() -> None:
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(DecodeSettings)
    read = adapter.validate_python({"decoder": {"name": "dawn", "tau_low": 0.4}})
    assert read == DecodeSettings(decoder=Dawn(tau_low=0.4))
    for decoder, fault in [
        ({"name": "dawm"}, "union_tag_invalid"),
        ({"name": "dawn", "low": 1}, "unexpected_keyword_argument"),
    ]:
        with pytest.raises(pydantic.ValidationError) as caught:
            adapter.validate_python({"decoder": decoder})
        assert [error["type"] for error in caught.value.errors()] == [fault]
