"""A random checkpoint with a tokenizer, a task that judges anything, and configs as a user would compose them."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import launch
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Compose, Config, read_config, to_tree
from pipeline.planning.plan import Plan
from pipeline.planning.setting import Setting
from pipeline.storage.record import Record
from pipeline.storage.store import Span
from pipeline.tasks import TASKS, Example, Score, TaskSettings, read_task
from tests.pipeline.parsed_once import parse_once
from tests.pipeline.wandb_server import KEY, WandbServer, serving

parse_once()

ROOT = Path(__file__).resolve().parents[2]
SWEPT_DECODERS = OmegaConf.load(ROOT / "conf/sweep/decoders.yaml").groups.base.grid.decoder
LAYERS, WIDTH, HIDDEN = 8, 16, 32
CHARACTERS = [chr(code) for code in range(32, 127)] + ["\n"]
VOCABULARY = [*CHARACTERS, "<|end|>", "<|mask|>"]


def write_checkpoint(folder: Path, seed: int = 0) -> Path:
    """A LLaDA checkpoint of random weights: decodes to nonsense, the same nonsense every time."""
    folder.mkdir(parents=True, exist_ok=True)
    size = len(VOCABULARY)
    shapes = {"wte.weight": (size, WIDTH), "ff_out.weight": (size, WIDTH), "ln_f.weight": (WIDTH,)}
    for layer in range(LAYERS):
        for name, shape in {
            "attn_norm": (WIDTH,), "ff_norm": (WIDTH,),
            "q_proj": (WIDTH, WIDTH), "k_proj": (WIDTH, WIDTH), "v_proj": (WIDTH, WIDTH), "attn_out": (WIDTH, WIDTH),
            "ff_proj": (HIDDEN, WIDTH), "up_proj": (HIDDEN, WIDTH), "ff_out": (WIDTH, HIDDEN),
        }.items():  # fmt: skip
            shapes[f"blocks.{layer}.{name}.weight"] = shape
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        f"model.transformer.{name}": torch.ones(shape)
        if len(shape) == 1
        else torch.randn(shape, generator=generator)
        for name, shape in shapes.items()
    }
    save_file(tensors, folder / "model.safetensors")
    golden = json.loads((ROOT / "tests/pipeline/llada_config.json").read_text())
    (folder / "config.json").write_text(json.dumps(golden))
    ids = {word: number for number, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>", mask_token="<|mask|>"
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_checkpoint(tmp_path_factory.mktemp("models") / "random")


class Judge:
    """A task with 40 examples whose score is a pure function of the answer; some of it can be told to fail."""

    name, version, metric, content, size = "judge", 1, "the judge says so", None, None
    chats, stops = False, ()

    def __init__(self) -> None:
        self.bad_scores: set[str] = set()
        self.long_prompts: set[str] = set()

    def opened(self, settings: TaskSettings) -> Judge:
        return self

    def examples(self, split: str, seed: int, count: int) -> list[Example]:
        names = [f"{split}-{seed}-{n}" for n in range(min(count, 40))]
        return [Example(n, f"Q {n * (99 if n in self.long_prompts else 1)}:", "", None) for n in names]

    def score(self, answer: str, example: Example) -> Score:
        if example.id in self.bad_scores:
            raise RuntimeError("the scorer broke")
        return Score((sum(map(ord, answer)) % 5) / 4, answer[:3])


def sliced(evaluator: Evaluator, setting: Setting, start: int, stop: int) -> list[Record]:
    """The records of examples start..stop-1, as one slice."""
    [(_, records)] = evaluator.slices(setting, [(start, stop)])
    return records


@contextmanager
def ended_after(count: int, end: Callable[[], object]) -> Iterator[list[Span]]:
    """`end` is called while the slice after so many is being decoded; yields those that were decoded before."""
    real, decoded = Evaluator.slices, list[Span]()

    def slices(
        self: Evaluator, setting: Setting, spans: Sequence[Span], *known: Any
    ) -> Iterator[tuple[Span, list[Record]]]:
        for span, records in real(self, setting, spans, *known):
            if len(decoded) == count:
                end()
            decoded.append(span)
            yield span, records

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluator, "slices", slices)
        yield decoded


def interrupt() -> None:
    raise KeyboardInterrupt


def size(spans: Iterable[Span]) -> int:
    """The examples in them."""
    return sum(stop - start for start, stop in spans)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    return judging(monkeypatch)


def judging(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """The task, registered."""
    task = Judge()
    monkeypatch.setitem(TASKS, "judge", lambda: task)
    read_task.cache_clear()
    return task


def compose_tree(*overrides: str) -> dict[str, Any]:
    """What the command line composes of these words; the caller's own, to change."""
    return copy.deepcopy(_composed(overrides))


@cache
def _composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        tree = OmegaConf.to_container(compose("config", overrides=list(overrides)), resolve=True)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items()}


BROUGHT = {
    "decoder": ("trade_off",),
    "task": ("gen_length", "block_length"),
}  # keys that a choice sets beside its own


def composing(config: Config) -> Compose:
    """What the command line composes for a sweep's named choices, on top of a test's own config."""

    def compose_names(names: Mapping[str, str]) -> dict[str, Any]:
        chosen = compose_tree(*(f"{key}={name}" for key, name in names.items()))
        keys = [key for name in names for key in (name, *BROUGHT.get(name, ()))]
        return {**to_tree(config), **{key: chosen[key] for key in keys}}

    return compose_names


def planned(config: Config) -> Plan:
    """The plan after its search was asked once: for a grid all there is."""
    plan = Plan(config, composing(config))
    plan.extend(())
    return plan


@pytest.fixture
def make_config(checkpoint: Path, tmp_path: Path) -> Callable[..., Config]:
    """A config from overrides, small enough for a test, on the random checkpoint."""
    return partial(small_config, checkpoint, tmp_path / "out")


def small_config(checkpoint: Path, out: Path, *overrides: str) -> Config:
    small = ["gen_length=8", "block_length=4", "limit=10", "slice_size=4", "batch_size=3", "wandb=off"]
    tree = compose_tree(f"model.path={checkpoint}", *small)
    for override in (f"out={out}", f"store={out / 'store'}", *overrides):
        set_key(tree, override)
    return read_config(tree)


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Callable[[], int]], str]:
    """The one line that a command prints about wrong input, with exit code 2, nothing decoded and Ray not imported."""

    def line(command: Callable[[], int]) -> str:
        monkeypatch.delitem(sys.modules, "pipeline.workers.sweep", raising=False)
        had_ray = "ray" in sys.modules
        try:
            code = command()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        shown = capsys.readouterr()
        assert code == 2
        assert len(shown.err.strip().splitlines()) == 1, shown.err
        assert "Traceback" not in shown.err + shown.out
        assert not list(tmp_path.rglob("*.parquet"))
        assert "pipeline.workers.sweep" not in sys.modules and ("ray" in sys.modules) == had_ray
        return shown.err.strip()

    return line


@pytest.fixture(scope="session")
def tree(checkpoint: Path) -> dict[str, Any]:
    """A composed tree that is right, and small; not to be changed."""
    return compose_tree(f"model.path={checkpoint}", "gen_length=8", "block_length=4", "limit=10", "wandb=off")


@pytest.fixture
def refuse(
    tree: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[Callable[[], int]], str],
) -> Callable[..., str]:
    """The line that a job says of overrides that are wrong (`a.b=value`, as `set_key` reads them)."""
    monkeypatch.setattr(sys, "argv", ["launch.py"])

    def line(*overrides: str) -> str:
        wrong = copy.deepcopy(tree)
        for override in (f"out={tmp_path / 'out'}", f"store={tmp_path / 'out/store'}", *overrides):
            set_key(wrong, override)
        monkeypatch.setattr(launch, "compose", lambda: wrong)
        return told(launch.main)

    return line


def set_key(tree: dict[str, Any], override: str) -> None:
    """`a.b=value` with a JSON value, or text; for values that the committed choices don't have (a test's own task)."""
    key, _, text = override.partition("=")
    *parents, leaf = key.split(".")
    for parent in parents:
        tree = tree[parent]
    try:
        tree[leaf] = json.loads(text)
    except ValueError:
        tree[leaf] = text


@pytest.fixture
def wandb_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """A server that W&B in this process, and in those that it starts, takes for the only one."""
    import wandb

    for name in ("HOME", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        wandb.teardown()  # it reads the environment when it starts
        yield server
        wandb.teardown()
    assert not server.unknown
