"""Laws of search by Optuna: replayed from any interruption, conditions kept, equal settings asked for once."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from pipeline.errors import ConfigError
from pipeline.inputs.config import Config
from pipeline.search import Candidate, Outcome, Range, Region
from pipeline.search.optuna_search import optuna_search
from tests.pipeline.conftest import Judge, planned

ALONG = "decoder.threshold"
BASE = Region("base", {"axon.gate": "never"}, {ALONG: (0.3, 0.5, 0.9)}, {}, ALONG)
AXON = Region(
    "axon",
    {},
    {
        "axon.anchors": (1, 2, 4),
        "axon.policy": ("fixed", "cover"),
        "axon.tau": Range(0.0, 1.0),
        ALONG: (0.3, 0.9),
    },
    {"axon.anchors": {"axon.policy": "fixed"}},
    ALONG,
)
SPACE = (BASE, AXON)
DEFAULTS = {ALONG: 0.7, "axon.anchors": 2, "axon.policy": "fixed", "axon.tau": 0.25}


def outcome(candidate: Candidate) -> Outcome:
    threshold = candidate.knobs[ALONG]
    quality = min(1.0, threshold + 0.1 * candidate.knobs.get("axon.anchors", 0))
    return Outcome(candidate, repr(candidate), 10, 10, quality, 5 + 20 * threshold)


def searched(sampler: str, pieces: int | None = None, trials: int = 24) -> list[Candidate]:
    """All candidates in the order asked; `pieces`: after how many outcomes of each ask another search takes over."""
    ask, found = optuna_search(sampler, trials, lambda region: DEFAULTS), list[Candidate]()
    while asked := ask(SPACE, [outcome(candidate) for candidate in found]):
        if pieces:
            ask = optuna_search(sampler, trials, lambda region: DEFAULTS)
            rest = ask(SPACE, [outcome(candidate) for candidate in [*found, *asked[:pieces]]])
            assert list(rest) == list(asked[pieces:])
        found += asked
    return found


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_resumed_after_any_number_of_outcomes_it_equals_an_uninterrupted_one(sampler: str) -> None:
    whole = searched(sampler)
    assert searched(sampler, pieces=3) == whole
    assert len({repr(candidate) for candidate in whole}) == len(whole) > 24


def test_published_defaults_come_first_and_every_group_has_its_share() -> None:
    first = optuna_search("tpe", 24, lambda region: DEFAULTS)(SPACE, [])
    by_group = {group: [own for own in first if own.group == group] for group in ("base", "axon")}
    assert by_group["base"][0].knobs == {"axon.gate": "never", ALONG: 0.7}
    assert by_group["axon"][0].knobs == DEFAULTS
    assert {len(own) for own in by_group.values()} == {8}
    assert len(optuna_search("tpe", 3, lambda region: DEFAULTS)(SPACE, [])) == 2 * 3, "fewer than a round"


def test_a_key_exists_only_under_its_condition_and_values_lie_in_their_range() -> None:
    own = [candidate.knobs for candidate in searched("tpe") if candidate.group == "axon"]
    assert {knobs["axon.policy"] for knobs in own} == {"fixed", "cover"}
    for knobs in own:
        assert ("axon.anchors" in knobs) == (knobs["axon.policy"] == "fixed")
        assert 0.3 <= knobs[ALONG] <= 0.9 and 0.0 <= knobs["axon.tau"] <= 1.0


def test_a_value_that_is_rounded_stays_in_its_range() -> None:
    narrow = Region(
        "narrow", {}, {ALONG: (0.123456, 0.123457), "axon.tau": Range(0.98765, 0.98766)}, {}, ALONG
    )
    asked = optuna_search("tpe", 8, lambda region: {})((narrow,), [])
    assert asked
    for candidate in asked:
        assert 0.123456 <= candidate.knobs[ALONG] <= 0.123457
        assert 0.98765 <= candidate.knobs["axon.tau"] <= 0.98766


@pytest.mark.slow
def test_it_learns_where_the_front_is() -> None:
    """Anchors raise quality at no cost: late trials have more of them than chance would give."""
    own = [candidate.knobs for candidate in searched("tpe", trials=64) if candidate.group == "axon"]
    most = [knobs.get("axon.anchors") == 4 for knobs in own]
    assert sum(most[-32:]) > 2 * sum(most[:16])


def test_a_setting_without_a_score_is_told_as_failed() -> None:
    ask = optuna_search("tpe", 24, lambda region: DEFAULTS)
    first = list(ask(SPACE, []))
    failed = [Outcome(candidate, "", 10, 0, None, None) for candidate in first[:1]]
    assert ask(SPACE, [*failed, *map(outcome, first[1:])])


def test_a_plan_starts_from_the_composed_values_and_equal_settings_are_one(
    make_config: Callable[..., Config], judge: Judge
) -> None:
    grid = '{"g": {"grid": {"axon.gate": ["never"], "axon.anchors": [1, 2, 3], "decoder.threshold": [0.3, 0.9]}}}'
    words = ["task.name=judge", "sweep.search=optuna", f"sweep.groups={grid}", "decoder.threshold=0.6"]
    plan = planned(make_config(*words, "sweep.along_trade_off=true"))
    assert plan.asked[0][0].knobs["decoder.threshold"] == 0.6
    assert len(plan.asked) == 8 >= len(plan.settings), "anchors are not read under this gate"


def test_without_the_package_it_is_refused_with_a_line(
    make_config: Callable[..., Config], judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"^sweep\.search=optuna: needs the package optuna; pip install"):
        planned(make_config("task.name=judge", "sweep.search=optuna"))
