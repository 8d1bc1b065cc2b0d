"""`pc_sampler`: its ranking beside the definition, decodes that are those of the release's loop, and its table."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.tiny.count_tokens import FILE, trained_on
from axon import DecodeSettings, FixedSteps, LeftToRight, PcSampler, decode
from axon.count_tokens import count, main
from axon.identity import decode_identity
from axon.token_counts import read_counts
from tests.axon.plain_revising import Block, Changes, Rule
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import MIXED
from tests.axon.test_remasking import AXONS, OFF, WAYS, decoded_as_plain, prompts_of
from tests.axon.toy_model import toy_model
from tests.axon.with_defaults import TOY_COUNTS

TOY = Path(TOY_COUNTS)
COUNTS = {
    token: 3 * token % 101 for token in range(0, 120, 3)
}  # of the recorded models' tokens, and many missing


def pc_sampler(steps: int, decay: float, alpha: float) -> Rule:
    """The release's loop over a block: a quota a step, by the calibrated confidence; then one by one."""
    total = sum(COUNTS.values())

    def rule(block: Block) -> Changes:
        def score(place: int) -> tuple[float, int]:
            frequency = COUNTS.get(block.best[place], 1) / total
            told = min(-block.c[place] * math.log(frequency + 1e-9), alpha)
            return -told * math.exp(-decay * (place - block.start)), place

        quotas = [block.length // steps + (step < block.length % steps) for step in range(steps)]
        quota = quotas[block.step] if block.step < steps else 1
        return set(sorted(block.open, key=score)[:quota]), set(), set()

    return rule


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("counts") / "counts.json"
    counts = {"num_token": sum(COUNTS.values()), "p_baseline_dict": {str(key): COUNTS[key] for key in COUNTS}}
    file.write_text(json.dumps(counts))
    return str(file)


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize(
    ("family", "further", "axon"),
    [
        *((*WAYS[0], axon) for axon in AXONS),
        ("dream", {"cache": "prefix"}, "always"),
        ("sdar", {"block_alignment": "absolute", "cache": "block", "sink_rows": "visible"}, "always"),
    ],
)
def test_decodes_are_those_of_the_releases_loop(family: str, further: Any, axon: str, table: str) -> None:
    """Under AXON the loop is told what AXON chose."""
    rules = [
        (
            PcSampler(token_counts=table, steps=steps, decay=decay, alpha=alpha),
            pc_sampler(steps // 2, decay, alpha),
        )
        for steps, decay, alpha in ((10, 0.25, 10.0), (6, 0.02, 3.0))
    ]
    decoded = decoded_as_plain(family, further, axon, prompts_of(family)[:1], rules)
    intervened = sum(len(trace.axon_steps) for _, trace in decoded)
    assert bool(intervened) == (axon != "alone")


def test_at_its_ends_it_is_another_decoder(tmp_path: Path) -> None:
    """A steep decay is left to right; where all tokens are equally frequent and no place counts more, fixed_steps."""
    flat = tmp_path / "flat.json"
    flat.write_text('{"num_token": 24, "p_baseline_dict": {"0": 1}}')
    plain = DecodeSettings(8, 8, axon=OFF)
    ends: list[tuple[Any, Any]] = [
        (PcSampler(token_counts=str(TOY), decay=60.0), LeftToRight()),
        (PcSampler(token_counts=str(flat), steps=3, decay=0.0), FixedSteps(steps=3)),
    ]
    for ours, other in ends:
        expected = decode(toy_model(), MIXED, replace(plain, decoder=other))
        assert decode(toy_model(), MIXED, replace(plain, decoder=ours)) == expected


def test_a_table_is_known_by_what_it_counts(tmp_path: Path) -> None:
    """Not by its place or its spaces; another count is another setting."""
    moved, other = tmp_path / "moved.json", tmp_path / "other.json"
    moved.write_text(json.dumps(json.loads(TOY.read_text()), indent=1))
    other.write_text(TOY.read_text().replace('"0": 300', '"0": 301'))
    found = [
        decode_identity(DecodeSettings(8, 4, decoder=PcSampler(token_counts=str(file)), axon=OFF), 2)
        for file in (TOY, moved, other)
    ]
    assert found[0] == found[1] != found[2]
    assert str(tmp_path) not in json.dumps(found)
    kept = PcSampler(token_counts=found[0]["decoder"]["token_counts"])  # as a store tells it
    assert kept.identity() == PcSampler(token_counts=str(TOY)).identity()
    with pytest.raises(ValueError, match=r"token_counts='[0-9a-f]{16}': cannot be read"):
        decode(toy_model(), MIXED, DecodeSettings(8, 4, decoder=kept, axon=OFF))


def test_a_table_that_has_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "counts.json"
    for count_of_3 in (1, 900):
        file.write_text(f'{{"num_token": 1000, "p_baseline_dict": {{"3": {count_of_3}}}}}')
        assert read_counts(str(file)).counts == {3: count_of_3}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("tokens", "is no JSON; make it again with python -m axon.count_tokens"),
        ("[]", "must be an object with num_token and p_baseline_dict"),
        ('{"num_token": 4}', "must be an object with num_token and p_baseline_dict"),
        ('{"num_token": 0, "p_baseline_dict": {"1": 0}}', "num_token=0: "),
        ('{"num_token": 4, "p_baseline_dict": {}}', "num_token=4: "),
        ('{"num_token": 4, "p_baseline_dict": {"1": 0.5}}', "p_baseline_dict has '1': 0.5, and must be"),
        ('{"num_token": 4, "p_baseline_dict": {"1": 5}}', "p_baseline_dict has '1': 5, and must be"),
        ('{"num_token": 4, "p_baseline_dict": {"the": 1}}', "p_baseline_dict has 'the': 1, and must be"),
    ],
)
def test_what_is_no_table_is_refused(content: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "counts.json"
    file.write_text(content)
    with pytest.raises(ValueError, match="token_counts=") as caught:
        read_counts(str(file))
    assert line in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: DecodeSettings(8, 4, decoder=PcSampler()), "decoder.token_counts=null: "),
        (lambda: PcSampler(token_counts="none.json").identity(), "decoder.token_counts='none.json': cannot be read"),
        (lambda: DecodeSettings(8, 4, decoder=PcSampler(steps=3)), "decoder.steps=3: must be a multiple"),
        (lambda: PcSampler(steps=0), "decoder.steps=0: "),
        (lambda: PcSampler(decay=-1.0), "decoder.decay=-1.0: "),
        (lambda: PcSampler(alpha=-1.0), "decoder.alpha=-1.0: "),
    ],
)  # fmt: skip
def test_wrong_values_are_told(make: Any, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        make()


def test_a_table_of_another_tokenizer_is_refused(table: str) -> None:
    with pytest.raises(
        ValueError, match="counts a token 117, and the model has 24 tokens; give the table of"
    ):
        decode(toy_model(), MIXED, DecodeSettings(8, 4, decoder=PcSampler(token_counts=table), axon=OFF))


@pytest.mark.slow
def test_the_bundled_models_table_is_what_its_script_counts() -> None:
    assert FILE.read_text() == count(trained_on()).text() + "\n"


def test_the_command_counts_texts_and_the_texts_of_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, rows, table = tmp_path / "text.txt", tmp_path / "rows.jsonl", tmp_path / "table.json"
    text.write_text("1; 2; 2")
    rows.write_text('\ufeff{"question": "2", "number": 5}\r\n\n{"question": "; 3"}\n')
    main(["assets/tiny", str(text), str(rows), "--out", str(table)])
    ids = json.loads(Path("assets/tiny/tokenizer.json").read_text())["model"]["vocab"]
    found = read_counts(str(table))
    assert found.counts == {ids["1"]: 1, ids["; "]: 3, ids["2"]: 3, ids["3"]: 1}
    told = capsys.readouterr()
    assert f"{table}: 8 tokens, 4 different" in told.out and not told.err
    rows.write_text('{"a line\'s end for Python, not for JSON": "\u2028"}')
    main(["assets/tiny", str(rows), "--out", str(table)])
    assert "the tokenizer doesn't know '\\u2028'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["assets/tiny", "empty.txt"], "empty.txt: there is no text; "),
        (["assets/tiny", "none.txt"], "none.txt: can't be read (No such file or directory); "),
        (["assets/tiny", "latin.txt"], "latin.txt: is not UTF-8 ("),
        (["assets/tiny", "bad.jsonl"], "bad.jsonl: line 2 is no JSON ("),
        (["assets/tiny", "list.jsonl"], "list.jsonl: line 1 is no object; "),
        (
            ["assets/tiny", "text.txt", "--out", "none/table.json"],
            "--out none/table.json: can't be written (",
        ),
        (["no/model", "text.txt"], "checkpoint='no/model': "),
    ],
)
def test_what_the_command_cannot_count_is_one_line(
    words: list[str],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    contents = {
        "empty.txt": b"",
        "latin.txt": b"caf\xe9",
        "text.txt": b"1; 2",
        "bad.jsonl": b'{"a": "1"}\n{"a": \n',
        "list.jsonl": b"[1]",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    words = [str(Path(word).resolve()) if word.startswith("assets") else word for word in words]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["--out", "table.json", *words])
    told = capsys.readouterr().err
    assert caught.value.code == 2 and told.startswith(line) and told.count("\n") == 1
