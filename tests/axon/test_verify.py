"""`python -m axon.verify`: agreement, disagreement, what is counted apart, wrong input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from axon import decode, load_model
from axon.models import CheckpointError, Overrides
from axon.verify import case_settings, main
from axon.verify_forward import Difference, _difference, graded
from tests.axon.toy_model import MASK, llada_tensors, write_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint and a file of two cases that it decodes as recorded."""
    checkpoint = write_checkpoint(tmp_path / "checkpoint", llada_tensors())
    model = load_model(checkpoint)
    cases: dict[str, Any] = {
        "mask_id": MASK,
        "gen_length": 8,
        "block_length": 4,
        "attention_layers": "last 1 of 2",
        "cases": [
            {"prompt": [1, 2], "proposer": "fixed_steps", "params": {"steps": 8}},
            {"prompt": [3], "proposer": "confidence", "params": {}, "axon": {"gate": "always", "k": 2}},
        ],
    }
    for case in cases["cases"]:
        trace = decode(model, [case["prompt"]], case_settings(case, cases))[0]
        case |= {"tokens": list(trace.tokens), "nfe": trace.nfe, "reveals": trace.reveals()}
        case["axon_fired"] = [step in trace.axon_steps for step in range(trace.nfe)]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    return tmp_path


def _main(folder: Path, *more: str) -> int:
    return main([str(folder / "cases.json"), "--checkpoint", str(folder / "checkpoint"), *more])


def _change(folder: Path, **changes: Any) -> None:
    cases = json.loads((folder / "cases.json").read_text())
    cases["cases"][0] |= changes
    (folder / "cases.json").write_text(json.dumps(cases))


def test_agreement(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(folder) == 0
    assert "2 of 2 cases agree" in capsys.readouterr().out


def test_disagreement_is_named_with_its_first_step(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = json.loads((folder / "cases.json").read_text())
    reveals = cases["cases"][0]["reveals"]
    _change(folder, reveals=[reveals[0], *reveals[:0:-1]])
    assert _main(folder) == 1
    output = capsys.readouterr().out
    assert "case 0 (fixed_steps" in output
    assert "step 1 is the first to differ" in output
    assert "1 of 2 cases agree" in output


def test_cases_without_their_parts_are_counted_apart(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _change(folder, proposer="oracle")
    assert _main(folder) == 0
    output = capsys.readouterr().out
    assert "1 of 1 cases agree" in output
    assert "1 cases not checked" in output
    assert "decoder oracle: 1" in output
    _change(folder, proposer="fixed_steps", cache="block")
    assert _main(folder) == 0
    assert "(setting cache: 1)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("head", "code"),
    [({"block_alignment": "absolute"}, 1), ({"budget_counts": "steps"}, 1), ({"attention_mask": "all"}, 0)],
)
def test_the_head_is_part_of_every_case(
    folder: Path, head: dict[str, Any], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cases were recorded without: what the head says changes the decodes, a remark does not."""
    cases = json.loads((folder / "cases.json").read_text())
    cases["cases"][1] |= {"params": {"threshold": 1.0}, "max_anchor_steps": 3}
    del cases["cases"][1]["axon"]["k"]
    trace = decode(load_model(folder / "checkpoint"), [[3]], case_settings(cases["cases"][1], cases))[0]
    cases["cases"][1] |= {"tokens": list(trace.tokens), "nfe": trace.nfe, "reveals": trace.reveals()}
    cases["cases"][1]["axon_fired"] = [step in trace.axon_steps for step in range(trace.nfe)]
    cases["cases"][1]["axon"] |= {"gate": "progress_stall"} if "budget_counts" in head else {}
    (folder / "cases.json").write_text(json.dumps(cases | head))
    assert _main(folder) == code


def test_in_low_precision_the_share_is_told_and_fails_only_where_one_is_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _change(folder, nfe=99)
    assert _main(folder, "--dtype", "bfloat16") == 0
    assert "of 2 cases agree in tokens" in capsys.readouterr().out
    assert _main(folder, "--dtype", "bfloat16", "--least-share", "0.9") == 1
    assert _main(folder, "--least-share", "0.5") == 0
    assert "1 of 2 cases agree in tokens, steps, positions revealed and AXON's steps (50.0 %)" in (
        capsys.readouterr().out
    )
    assert _main(folder, "--least-share", "2") == 2


def test_in_low_precision_no_agreement_is_claimed_without_a_limit(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(folder, "--dtype", "bfloat16") == 0
    told = capsys.readouterr().out
    assert "of 16 tokens are the recorded ones" in told and "No share was asked for (--least-share)" in told
    assert "told apart by forward passes (--forward)" in told


def test_where_no_case_can_be_checked_nothing_agrees(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = json.loads((folder / "cases.json").read_text())
    for case in cases["cases"]:
        case["proposer"] = "oracle"
    (folder / "cases.json").write_text(json.dumps(cases))
    assert _main(folder) == 1
    assert "No case was checked." in capsys.readouterr().out


def test_forward_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokens = torch.tensor([1, 2] + [MASK] * 8)
    wrong = {"input_0": tokens, "logits_0": torch.zeros(10, 24), "attention_0": torch.zeros(10, 10)}
    save_file(wrong, folder / "forward.safetensors")
    forward = ("--forward", str(folder / "forward.safetensors"))
    assert _main(folder, *forward) == 1
    assert "forward 0 DISAGREES" in capsys.readouterr().out
    assert _main(folder, *forward, "--dtype", "bfloat16") == 0
    told = capsys.readouterr().out
    assert "as those of ANOTHER model" in told and "agree" not in told.split("forward 0")[1]
    assert _main(folder, *forward, "--dtype", "bfloat16", "--tolerance", "0.1") == 1


@pytest.mark.parametrize("part", ["logits", "attention"])
@pytest.mark.parametrize("first", [True, False])
def test_a_forward_pass_that_is_not_a_number_agrees_with_nothing(part: str, first: bool) -> None:
    """Of two numbers Python's max may pass over a NaN."""
    logits_WV, zeros_WW = torch.randn(4, 6), torch.zeros(4, 4)
    good = _difference(logits_WV, logits_WV, zeros_WW)
    if part == "logits":
        bad = _difference(torch.full_like(logits_WV, torch.nan), logits_WV, zeros_WW)
        told = graded([bad, good] if first else [good, bad], torch.bfloat16)
        assert "as those of ANOTHER model" in told and "nan" not in told
    else:
        bad = _difference(logits_WV, logits_WV, zeros_WW * torch.nan)
    assert good.share == 0 and not max(bad.logits, bad.attention) <= 1e9
    unknown = _difference(logits_WV, logits_WV * torch.nan, zeros_WW)
    assert unknown.share == unknown.logits == float("inf")


@pytest.mark.parametrize(
    ("epsilons", "told"),
    [
        (7.9, "no more than roundings"),
        (8.1, "MORE than roundings"),
        (31.9, "MORE than"),
        (32.1, "as those of ANOTHER"),
    ],
)
def test_where_roundings_end_and_another_model_begins(epsilons: float, told: str) -> None:
    """Of bfloat16 as the module's text says: 6 % of the spread, and a quarter of it."""
    apart = Difference(1.0, 1.0, epsilons * torch.finfo(torch.bfloat16).eps, 3, 4)
    assert told in graded([apart], torch.bfloat16)


def test_a_file_without_a_forward_pass_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"other": torch.zeros(1)}, folder / "forward.safetensors")
    for dtype in ("float32", "bfloat16"):
        assert _main(folder, "--forward", str(folder / "forward.safetensors"), "--dtype", dtype) == 2
        assert "holds no forward pass" in capsys.readouterr().err


@pytest.mark.parametrize(
    "broken", ["absent", "no text", "no json", "no cases", "other model", "no forward", "bad value", "head"]
)
def test_wrong_input_is_one_line_and_exit_code_2(
    folder: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, more = folder / "cases.json", []
    if broken == "absent":
        path.unlink()
    elif broken == "no text":
        path.write_bytes(b"\x80" * 10_000)
    elif broken == "no json":
        path.write_text("{")
    elif broken == "no cases":
        path.write_text("{}")
    elif broken == "other model":
        path.write_text(path.read_text().replace('"mask_id": 23', '"mask_id": 5'))
    elif broken == "head":
        path.write_text(path.read_text().replace('"mask_id": 23', '"mask_id": 23, "cache": "block"'))
    elif broken == "no forward":
        more = ["--forward", str(folder / "nothing.safetensors")]
    else:
        _change(folder, params={"steps": 7})
    assert _main(folder, *more) == 2
    captured = capsys.readouterr().err
    assert captured.startswith("verify: ")
    assert captured.count("\n") == 1 and len(captured) < 1000


@pytest.mark.parametrize(
    ("place", "key"),
    [("head", "attention_layers"), ("axon", "gate"), ("axon", "policy"), ("axon", "objective")]
    + [("case", key) for key in ("prompt", "proposer", "params", "tokens", "axon", "reveals", "axon_fired")],
)
def test_what_has_another_form_is_one_line(
    folder: Path, place: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or a case that disagrees, where its outcome can be such. All of them were tracebacks."""
    plain = (folder / "cases.json").read_text()
    for wrong in (1, [[1], 1], {"a": 1}, True, []):
        cases = json.loads(plain)
        case = cases["cases"][1]
        {"head": cases, "case": case, "axon": case["axon"]}[place][key] = wrong
        (folder / "cases.json").write_text(json.dumps(cases))
        code, told = _main(folder), capsys.readouterr()
        assert told.err.startswith("verify: ") == (code == 2) and told.err.count("\n") == (code == 2)
        assert code == 2 or wrong in ([], [[1], 1], {"a": 1}), (
            "which are a list, and an object, if not the right ones"
        )


@pytest.mark.parametrize(
    "change",
    [{"reveals": [[1, "a"]]}, {"nfe": "8"}, {"nfe": None}, {"prompt": [1, True]}, {"tokens": ["a"]}],
    ids=str,
)
def test_what_is_no_whole_number_is_no_disagreement(
    folder: Path, change: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    _change(folder, **change)
    assert _main(folder) == 2
    assert f"{next(iter(change))}: " in (told := capsys.readouterr().err) and "is no whole number;" in told


def test_brackets_without_end_are_no_file_of_cases(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "cases.json").write_text("[" * 100_000)
    assert _main(folder) == 2
    assert "is no file of cases (RecursionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", ["--tolerance nan", "--tolerance -1", "--tolerance 1e400", "--least-share nan", "--block-size 0"]
)
def test_a_limit_that_limits_nothing_is_refused(
    folder: Path, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No difference is above nan, so that all would agree."""
    assert _main(folder, *words.split()) == 2
    assert f"{words.split()[0]}=" in capsys.readouterr().err


@pytest.mark.parametrize("size", [0, -4, True, 2.0])
def test_a_block_size_that_is_none_is_refused_for_all_who_load(folder: Path, size: Any) -> None:
    """0 was taken for the checkpoint's own."""
    with pytest.raises(
        CheckpointError, match=rf"model\.block_size={size!r}: must be a whole number of at least 1"
    ):
        load_model(folder / "checkpoint", overrides=Overrides(block_size=size))
