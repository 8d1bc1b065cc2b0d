"""job=compare store=ADDRESS: what a store says by itself, where the folders of the runs that filled it are gone."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from axon import AxonSettings
from axon.decoders import DECODERS
from axon.gates import GATES
from axon.identity import decode_identity
from axon.policies import POLICIES
from pipeline.environment import REPOSITORY
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs import trade_offs
from pipeline.inputs.config import Decode
from pipeline.planning.setting import setting_id
from pipeline.runs import opened_store
from pipeline.runs.identified import identified_setting, with_knobs
from pipeline.storage.inventory import Inventory, is_filed, read_inventory
from pipeline.storage.record import Record
from pipeline.storage.store import Store
from tests.axon.with_defaults import with_defaults
from tests.pipeline.conftest import Judge, planned, sliced
from tests.pipeline.jobs.a_run import main, refused
from tests.pipeline.jobs.test_compare import Make
from tests.report.sweep import changed, identified, make_setting

__all__ = ["refused"]  # a fixture
LAYERS = 8
LOWER = "decoder.threshold=0.5"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the store is kept that the first test has filled."""
    return tmp_path_factory.mktemp("filled") / "lone"


@pytest.fixture
def lone(filled: Path, make_config: Make, judge: Judge, tmp_path: Path) -> Path:
    """A store that several commands filled, with no folder of any run beside it."""
    if not filled.exists():
        store, evaluator = Store(str(filled)), Evaluator(3)
        for words in (
            ("axon.gate=never",),
            ("axon.anchors=1",),
            ("axon.anchors=2",),
            ("axon.gate=never", LOWER),
        ):
            for setting in planned(make_config("task.name=judge", *words)).settings.values():
                store.write_settings({setting.id: dict(setting.identity)})
                store.write_slice(setting.id, 0, 6, sliced(evaluator, setting, 0, 6))
    return Path(shutil.copytree(filled, tmp_path / "lone"))


@pytest.mark.slow
def test_a_store_without_its_runs_is_compared(lone: Path, tmp_path: Path) -> None:
    code, shown = main("job=compare", f"store={lone}", f"out={tmp_path / 'page'}")
    assert code == 0 and "4 of 4 settings, in 1 of 1 stores" in shown
    found = pd.read_csv(tmp_path / "page/points.csv").set_index("setting_id")
    ids = [file.stem for file in (lone / "settings").iterdir()]
    means = Store(str(lone)).load(ids, 99).records.groupby("setting_id")[["score", "nfe"]].mean()
    assert set(found.index) == set(means.index) and set(found["n"]) == {6}
    assert found["quality"].tolist() == pytest.approx(means.loc[found.index, "score"].tolist())
    assert found["nfe"].tolist() == pytest.approx(means.loc[found.index, "nfe"].tolist())
    assert set(found["group"]) == {"confidence", "confidence + coverage_gap/fixed"}
    assert set(found["label"]) == {"threshold=0.9", "threshold=0.5", "anchors=1", "anchors=2"}
    page = (tmp_path / "page/report.html").read_text()
    assert "Which sweeps asked for them" in page and "Made by" not in page


@pytest.mark.slow
def test_a_condition_chooses_among_what_stores_hold(lone: Path, tmp_path: Path) -> None:
    store = lone
    shutil.copytree(store, tmp_path / "other")
    where = "where=axon.anchors == 2 and threshold > 0.5"
    code, shown = main(
        "job=compare", f"store=[{store},{tmp_path / 'other'}]", where, f"out={tmp_path / 'page'}"
    )
    assert code == 0 and "2 of 8 settings, in 2 of 2 stores, where axon.anchors == 2" in shown
    points = pd.read_csv(tmp_path / "page/points.csv")
    assert points["setting_id"].nunique() == 1 and points["group"].nunique() == 2
    assert points["group"].str.startswith((f"{store}: ", f"{tmp_path / 'other'}: ")).all()


@pytest.mark.slow
def test_a_store_of_a_service_is_read_by_its_address(
    lone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec.filesystem("memory").put(str(lone), "/lone", recursive=True)
    monkeypatch.chdir(tmp_path)
    code, shown = main("job=compare", "store=memory://lone", "where=not axon.gate == 'coverage_gap'")
    folder = Path(shown.splitlines()[-1])
    assert code == 0 and folder.parent == Path("outputs/compare")
    assert pd.read_csv(folder / "points.csv")["group"].tolist() == ["confidence"] * 2


def unreadable_below(folder: Path) -> Callable[[str], Inventory]:
    def read(root: str) -> Inventory:
        if root != str(folder):
            raise PermissionError(13, "Permission denied")
        return read_inventory(root)

    return read


def test_a_store_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("nothing", "file"):
        assert not is_filed(str(tmp_path / place), "a") and not Store(str(tmp_path / place)).exists()
    store = Store(str(tmp_path / "store"))
    store.write_settings({"a": {"seed": 1}})
    assert is_filed(store.root, "a") and not is_filed(store.root, "b") and not store.exists()
    store.write_slice("a", 0, 1, [Record("a", "arith", "e0", 0)])
    assert store.exists()


@pytest.mark.slow
def test_what_is_not_there_is_told(
    lone: Path, tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = lone
    store.rename(tmp_path / "store")
    store = tmp_path / "store"
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for place, lacks, such in (
        (tmp_path / "none", "there is no such folder", "outputs/store"),
        (tmp_path / "file", "is a file", "outputs/store"),
        (tmp_path / "empty", "holds no results", "outputs/store"),
        (tmp_path, "holds no results", store),
        ("memory://none", "nothing lies at this address", "outputs/store"),
    ):
        assert refused("job=compare", f"store={place}") == (
            f"store={place}: {lacks}; give a sweep's store, such as {such}"
        )
    assert refused("job=compare", f"store={store}", "where=task == 'gsm8k'") == (
        "where=task == 'gsm8k': none of 4 settings fits; task is 'judge'"
    )
    assert refused("job=compare", f"store={store}", "where=sweep == 'x'").startswith(
        "where=sweep == 'x': sweep is no column; "
    )
    assert refused("job=compare", "store=foo://x").startswith(
        "store=foo://x: unknown protocol 'foo'; one of s3, "
    )
    assert refused("job=compare", f"store={store}", "under=outputs") == (
        f"store={store}: under says already what is compared; leave one out"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    for home in ("~/store", "~"):
        line = refused("job=compare", f"store={home}", "where=task == 'gsm8k'")
        assert ("none of 4 settings fits" in line) == (home == "~/store")
    monkeypatch.setattr(opened_store, "read_inventory", unreadable_below(tmp_path))
    assert refused("job=compare", f"store={tmp_path}").endswith("such as outputs/store")
    assert refused("job=compare", "store=[]").startswith("store=[]: must not be empty; ")


@pytest.mark.slow
def test_what_cannot_be_read_is_left_out_by_name(
    lone: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    store = lone
    first, second, *rest = sorted((store / "settings").iterdir())
    changed = json.loads(first.read_text())
    first.write_text(json.dumps(changed | {"gen_length": 4}))
    second.write_text("{")
    code, shown = main("job=compare", f"store={store}", f"out={tmp_path / 'page'}")
    told = " ".join(shown.split())
    assert code == 0 and "2 of 2 settings" in told
    assert f"left out: setting {first.stem}: its id doesn't belong to its identity" in told
    assert f"{second.name}: unreadable (" in told
    later = changed | {"decoder": {"name": "of another version"}}
    for file in (first, second, *rest):
        file.unlink()
    (store / f"settings/{setting_id(later)}.json").write_text(json.dumps(later))
    (store / f"slices/{first.stem}").rename(store / f"slices/{setting_id(later)}")
    line = refused("job=compare", f"store={store}")
    assert line.startswith(
        f"store={store}: none of its 1 settings can be read; setting {setting_id(later)}: "
        "not of this version (decoder: 'of another version', of a package that isn't installed here, or of a later "
        "version): "
        "a later version, or changed code, decoded it; "
        "install that package, or update axon-sweeps to read it"
    )


@given(
    st.sampled_from(sorted(DECODERS)), st.sampled_from(sorted(GATES)), st.sampled_from(sorted(POLICIES)),
    st.sampled_from([{}, {"cache": "prefix"}, {"sink_rows": "visible", "temperature": 0.5, "top_p": 0.9}]),
    st.sampled_from([{}, {"anchors": 3, "attention_layers": "first 2"}, {"combine": "union", "tau_sink": "4.0x"}]),
)  # fmt: skip
def test_a_setting_made_of_its_identity_decodes_alike(
    decoder: str, gate: str, policy: str, others: dict[str, object], axon: dict[str, object]
) -> None:
    """Whatever it reads; so that its identity is the same, made anew from its settings."""
    assume(not (with_defaults(decoder).wider and "cache" in others))
    decode = Decode(
        gen_length=64, block_length=16, decoder=with_defaults(decoder),
        axon=AxonSettings(gate=gate, policy=policy, **axon), **others,
    )  # fmt: skip
    identity = {
        "model": {"content": "c0ffee00aa", "dtype": "bfloat16", "attention_kernel": "sdpa", "prompt": "chat"},
        "task": {"name": "gsm8k", "version": 1, "split": "test", "seed": 0, "content": "beef", "shots": 4},
        **decode_identity(decode, LAYERS),
        "seed": 3,
    }
    again = identified_setting(setting_id(identity), json.loads(json.dumps(identity)))
    assert decode_identity(again.decode, LAYERS) == decode_identity(decode, LAYERS)
    assert (again.seed, again.task.shots, again.model.dtype, again.model_name) == (
        3,
        4,
        "bfloat16",
        "c0ffee00",
    )
    assert again.uses_axon == (gate != "never") and again.decode.decoder.name == decoder
    if decoder != "left_to_right":
        assert again.trade_off in {f"decoder.{key}" for key in asdict(decode.decoder)}


def test_knobs_are_what_differs_within_a_group() -> None:
    made = [
        identified(make_setting("", threshold, anchors))
        for threshold, anchors in itertools.product((0.3, 0.7), (None, 1))
    ]
    found = with_knobs([identified_setting(setting_id(own.identity), own.identity) for own in made])
    assert [own.knobs for own in found] == [
        {"decoder.threshold": own.decode.decoder.threshold} for own in made
    ]


def test_a_value_left_out_at_its_default_is_a_knob_where_another_setting_has_another() -> None:
    made = [changed(make_setting("", 0.7, 2), **own) for own in (dict[str, Any](), {"cache": "prefix"})]
    found = with_knobs([identified_setting(setting_id(own.identity), own.identity) for own in made])
    assert [own.knobs for own in found] == [{"cache": "none"}, {"cache": "prefix"}]


def test_a_decoders_parameter_is_that_of_its_own_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever other files set of it, and whether they say anything of a trade-off."""
    before = dict(trade_offs.usual_trade_offs.__wrapped__())
    folder = Path(shutil.copytree(trade_offs.FOLDER, tmp_path / "decoder"))
    (folder / "sharp.yaml").write_text("decoder: {name: dawn}\ntrade_off: {parameter: decoder.tau_edge}\n")
    (folder / "mine.yaml").write_text("defaults: [dawn]\n")
    monkeypatch.setattr(trade_offs, "FOLDER", folder)
    found = trade_offs.usual_trade_offs.__wrapped__()
    assert {key: found[key] for key in before} == before and found["mine"] is None
    assert before["dawn"] == "decoder.tau_low" and before["left_to_right"] is None


def test_a_comparison_of_stores_goes_to_the_usual_project() -> None:
    for file in (REPOSITORY / "conf/wandb").glob("*.yaml"):
        assert f"project: {opened_store.PROJECT}\n" in file.read_text()
