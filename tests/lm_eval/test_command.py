"""lm-eval's command with our model, on a task with local rows."""

from __future__ import annotations

import io
import json
from functools import partialmethod
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from axon import AxonSettings, Dawn, DecodeSettings, decode, load_model, load_tokenizer
from pipeline import open_run
from pipeline.inputs.config import read_config
from pipeline.jobs.import_job import import_job
from pipeline.tasks import get_task
from tests.lm_eval.harness import IN_OUR_FOLDER, MISSING, TINY, python
from tests.pipeline.conftest import compose_tree

pytest.importorskip("lm_eval", reason=MISSING)

from lm_eval.tasks import TaskManager

EXAMPLES = get_task("arith").examples("test", 0, 8)
WRONG = 2  # rows whose target is wrong on purpose, so that a score of 1 would be an error
NUMBER = "999999"  # theirs

TASK = r"""
task: arith_rows
dataset_path: json
dataset_kwargs: {data_files: {test: ROWS}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer.split('#### ')[-1]}}"
generation_kwargs: {until: ["\n"], do_sample: false}
filter_list:
  - name: final
    filter:
      - {function: regex, regex_pattern: "####\\s*(-?\\d+)"}
      - {function: take_first}
  - name: any
    filter:
      - {function: regex, regex_pattern: "(-?\\d+)"}
      - {function: take_first}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the task and its rows, whose columns are GSM8K's."""
    folder = tmp_path_factory.mktemp("tasks")
    targets = [str(example.check) for example in EXAMPLES]
    targets[:WRONG] = [NUMBER] * WRONG
    rows = [
        {"question": example.prompt, "answer": f"#### {target}"}
        for example, target in zip(EXAMPLES, targets, strict=True)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "task.yaml").write_text(TASK.replace("ROWS", str(folder / "rows.jsonl")))
    return folder


def test_what_lm_eval_has_an_option_for_is_refused_among_the_models_arguments() -> None:
    from lm_eval_axon.model import AxonLM

    with pytest.raises(
        ValueError,
        match=r"batch_size=x: lm-eval gives batch_size itself; write --batch_size with a whole number or auto, not",
    ):
        AxonLM.create_from_arg_obj({"pretrained": TINY, "batch_size": "x"}, {"batch_size": 1, "device": None})


@pytest.fixture(scope="module")
def evaluated(tasks: Path) -> tuple[dict[str, Any], Path, str]:
    """What lm-eval's command wrote: its results, its sample log; and what it printed."""
    arguments = (
        f"pretrained={TINY},decoder=dawn,decoder.tau_low=0.6,axon=coverage_gap,gen_length=20,block_length=20"
    )
    done = python(
        tasks / "cache", "-c", IN_OUR_FOLDER, "--model", "axon", "--model_args", arguments,
        "--tasks", "arith_rows", "--include_path", tasks, "--output_path", tasks / "out",
        "--log_samples", "--batch_size", 4, "--device", "cpu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [results_file] = (tasks / "out").rglob("results_*.json")
    [samples_file] = (tasks / "out").rglob("samples_*.jsonl")
    return json.loads(results_file.read_text()), samples_file, done.stderr


@pytest.mark.slow
def test_a_task_of_local_rows_is_decoded_scored_and_its_model_calls_counted(
    evaluated: tuple[dict[str, Any], Path, str],
) -> None:
    results, samples_file, told = evaluated
    logged = [json.loads(line) for line in samples_file.read_text().splitlines()]
    samples = [sample for sample in logged if sample["filter"] == "final"]

    model, tokenizer = load_model(TINY), load_tokenizer(TINY)
    settings = DecodeSettings(20, 20, decoder=Dawn(tau_low=0.6), axon=AxonSettings(gate="coverage_gap"))
    prompts = [tokenizer.encode(example.prompt, add_special_tokens=False) for example in EXAMPLES]
    traces = decode(model, prompts, settings)
    texts = [tokenizer.decode(trace.tokens[: trace.tokens_to_eos(model.end_token_ids)]) for trace in traces]
    assert [sample["resps"] for sample in sorted(samples, key=lambda s: s["doc_id"])] == [
        [[t]] for t in texts
    ]

    right = [text.endswith(f"####{example.check}") for text, example in zip(texts, EXAMPLES, strict=True)]
    assert sum(right[WRONG:]) >= 5
    assert results["results"]["arith_rows"]["exact_match,final"] == sum(right[WRONG:]) / len(right)
    [counts] = results["config"]["axon"]
    assert (counts["task"], counts["answers"], counts["nfe"]) == ("arith_rows", 8, sum(t.nfe for t in traces))
    assert counts["tokens_per_step"] == 160 / counts["nfe"]
    assert counts["mechanism"]["axon_steps"] == sum(len(trace.axon_steps) for trace in traces) > 0
    assert counts["settings"]["decoder"]["tau_low"] == 0.6
    assert f"8 answers decoded, {counts['nfe'] / 8:.2f} steps (NFE) each" in told


@pytest.mark.slow
def test_the_sample_log_that_lm_eval_wrote_is_imported_with_its_scores(
    tasks: Path, evaluated: tuple[dict[str, Any], Path, str], tmp_path: Path
) -> None:
    """Rows of one answer under two filters count once."""
    _, samples_file, _ = evaluated
    words = [f"task.path={tasks / 'rows.jsonl'}", "task.shots=0", f"imported.file={samples_file}"]
    words += ["imported.name=theirs", "imported.nfe=20", f"out={tmp_path}", "wandb=off"]
    config = read_config(compose_tree("task=gsm8k", "job=import", *words))
    shown = io.StringIO()
    assert import_job(config, ["job=import"], Console(file=shown, width=200)) == 0
    assert "1 point, 8 answers, 8 scored" in shown.getvalue() and "refused" not in shown.getvalue()
    records = open_run(tmp_path / "imported/theirs").records.set_index("example_id")
    logged = [json.loads(line) for line in samples_file.read_text().splitlines()]
    theirs = {f"gsm8k-{row['doc_id']}": row for row in logged if row["filter"] == "final"}
    assert len(logged) == 2 * len(theirs) == 2 * len(records)
    for name, row in theirs.items():
        assert records.loc[name, "score"] == row["exact_match"]
        assert records.loc[name, "answer"] == row["resps"][0][0]


def test_wrong_arguments_end_the_command_with_a_line_that_names_the_choices(
    tasks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lm_eval_axon import __main__ as command

    read = TaskManager.__init__
    monkeypatch.setattr(TaskManager, "__init__", partialmethod(read, include_defaults=False))
    # What it finds under that name takes its place, and could not be named again.
    monkeypatch.setitem(command.model_registry._objs, "axon", "lm_eval_axon.model:AxonLM")
    words = ["--model", "axon", "--model_args", f"pretrained={TINY},axon=gap", "--device", "cpu"]
    monkeypatch.setattr(
        "sys.argv", ["lm_eval", *words, "--tasks", "arith_rows", "--include_path", str(tasks)]
    )
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("axon='gap': unknown; one of off, always,")


def test_only_our_own_errors_end_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lm_eval_axon import __main__ as command
    from lm_eval_axon.model import AxonLM

    monkeypatch.setattr(command, "cli_evaluate", lambda: AxonLM(pretrained="/nowhere", device="cpu"))
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "pretrained='/nowhere': is not a folder; give a checkpoint folder\n"
    monkeypatch.setattr(command, "cli_evaluate", lambda: int("x"))
    with pytest.raises(ValueError, match="invalid literal"):
        command.main()


def test_lm_eval_versions_that_look_for_models_find_ours() -> None:
    from lm_eval_axon.model import AxonLM

    [entry] = entry_points(group="lm_eval.models", name="axon")
    assert entry.load() is AxonLM
