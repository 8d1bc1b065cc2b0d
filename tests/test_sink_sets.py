"""How often sinks over the whole canvas and over visible rows differ, against decodes that look at one of the two."""

from dataclasses import replace

import pytest

from axon import AxonSettings, Dawn, DecodeSettings
from axon.verify import read_cases
from benchmarks import sink_sets
from benchmarks.sink_sets import Tally, measure
from benchmarks.sizes import toy
from tests.axon.test_cache import known_in_steps
from tests.axon.test_golden import GOLDEN

PROMPTS = [[3, 5, 7, 11], [2, 9, 4, 6, 8, 1, 5]]
ALONE = AxonSettings(gate="never", attention_layers="all")


@pytest.mark.parametrize("block_causal", [True, False])
def test_steps_are_those_in_which_decodes_under_either_name_other_sinks(block_causal: bool) -> None:
    """An edge of 0.9 leaves DAWN nothing to choose by, so that both see the same canvas in each step."""
    model, times = toy(block_causal).model, 1.1 if block_causal else 1.0
    settings = DecodeSettings(16, 4, decoder=Dawn(tau_edge=0.9), axon=ALONE)
    expected = Tally()
    for prompt in PROMPTS:
        canvas, visible = (
            known_in_steps(model, [prompt], replace(settings, sink_rows=rows), 1)[0]
            for rows in ("canvas", "visible")
        )
        whole = len(prompt) + settings.gen_length
        for one, other in zip(canvas, visible, strict=True):
            width = one[-1].shape[1]  # up to the block's end
            seen = width if block_causal else whole
            expected.add((one[-1] > times / whole) ^ (other[-1] > times / seen))
    found = measure(model, PROMPTS, settings, f"{times}x")
    assert found.tally == expected and found.decodes == 0
    assert 0 < expected.differ <= expected.columns and expected.steps > 4


def test_of_one_block_nothing_differs() -> None:
    found = measure(toy(True).model, PROMPTS, DecodeSettings(8, 8, decoder=Dawn(), axon=ALONE), "1.1x")
    assert found.tally.steps and not found.tally.differ and not found.decodes


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
def test_it_repeats_what_the_log_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, checkpoint = GOLDEN / "sdar_absolute.json", GOLDEN / "sdar-tiny"
    words = ["--checkpoint", str(checkpoint), "--cases", str(cases), "--thresholds", "4x"]
    monkeypatch.setattr("sys.argv", ["sink_sets.py", *words, "--gate", "never", "--layers", "all"])
    sink_sets.main()
    count = len(read_cases(cases)["cases"])
    assert (
        capsys.readouterr().out.split()[-7:] == ["4x", "899", "61", "6.8%", "1.3", "1", "of", f"{count}"][-7:]
    )


@pytest.mark.parametrize("words", [["--gate", "none"], ["--block-length", "5"], ["--task", "none"]])
def test_a_wrong_word_is_one_line(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["sink_sets.py", *words])
    with pytest.raises(SystemExit) as left:
        sink_sets.main()
    assert left.value.code == 2 and words[1] in capsys.readouterr().err.splitlines()[-1]
