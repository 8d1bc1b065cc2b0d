"""Settings under different caches: what is shown of their passes, on which axes they are compared, and what is said."""

import struct
from dataclasses import replace
from io import StringIO
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from axon import AxonSettings
from pipeline.report import find, write_report
from pipeline.report.data.records import clean
from pipeline.report.data.whole import in_memory
from pipeline.report.entries import split
from pipeline.report.statistics.sample import make_sample
from pipeline.report.statistics.stats import ALPHA
from pipeline.report.words.caches import cache_verdicts, compare_caches
from tests.report.counts import WIDTH, count
from tests.report.sweep import GEN_LENGTH, identified, make_sweep
from tests.report.verdict import facet_of
from tests.report.words.test_machines import ONE

BLOCKS = 2
STEP = {"none": WIDTH, "block": 32, "prefix": 60, "dual": 32}  # positions that a step computes


def under(cache, quality=0.0, **sweep):
    """A sweep along thresholds under one cache, decoded as under another; `quality`: what it adds to the odds."""
    found = count(make_sweep(prefix=f"{cache} ", **sweep))
    for setting_id, setting in list(found.settings.items()):
        axon, rows = setting.decode.axon, "visible" if cache == "block" else "canvas"
        own = replace(setting.decode, cache=cache, sink_rows=rows, axon=axon)
        group = f"{cache} axon" if setting.uses_axon else cache
        knobs = setting.knobs | {"cache": cache}
        found.settings[setting_id] = identified(replace(setting, group=group, decode=own, knobs=knobs))
    rng = np.random.default_rng(1)
    for row in found.rows:
        block, full = cache == "block", BLOCKS if cache in ("prefix", "dual") else 0
        row |= ONE | {"prefill_passes": int(block), "store_passes": block * (BLOCKS - 1), "full_passes": full}
        stored = row["store_passes"] * 32 + row["prefill_passes"] * (WIDTH - GEN_LENGTH)
        row["computed_positions"] = (row["nfe"] - full) * STEP[cache] + full * WIDTH + stored
        exact = "" if cache in ("none", "block") else cache  # decodes as no other
        row["tokens"] = [crc32((row["setting_id"].split()[1] + exact).encode())] * GEN_LENGTH
        if rng.random() < quality:
            row["score"] = 1.0
    return found


def together(*sweeps):
    first, *others = sweeps
    for other in others:
        first.settings |= other.settings
        first.rows += other.rows
    return first


SMALL = {"anchors": (None,), "thresholds": (0.3, 0.9), "examples": 20}


@pytest.mark.slow
def test_passes_are_shown_where_there_are_such_and_nowhere_else():
    points = facet_of(together(*(under(cache, **SMALL) for cache in STEP))).points.set_index("group")
    passes = points[["prefill_passes", "store_passes", "full_passes", "tokens_per_pass"]]
    assert passes.loc["none"].isna().all(axis=None)
    assert passes.loc["block"].drop(columns="full_passes").notna().all(axis=None)
    assert (passes.loc["block", "prefill_passes"] == 1).all() and (
        passes.loc["block", "store_passes"] == 1
    ).all()
    assert passes.loc["block", "full_passes"].isna().all()
    for cache in ("prefix", "dual"):
        assert (passes.loc[cache, "full_passes"] == BLOCKS).all()
        assert passes.loc[cache].drop(columns="full_passes").isna().all(axis=None)
    block = points.loc["block"]
    expected = GEN_LENGTH / (block["nfe"] + 2)  # a prefill and a store pass
    np.testing.assert_allclose(block["tokens_per_pass"].astype(float), expected.astype(float))
    assert (block["tokens_per_pass"] < block["tokens_per_step"]).all()


def test_records_older_than_full_passes_read_on():
    sweep = under("block", **SMALL)
    records = sweep.records.drop(columns="full_passes")
    points = find([sweep.run], records).points
    assert points["full_passes"].isna().all() and points["tokens_per_pass"].notna().all()


@pytest.mark.slow
def test_without_a_cache_nothing_is_said_of_one():
    facet = facet_of(count(make_sweep(examples=20)))
    assert [view.cost.column for view in facet.pictured] == ["nfe"]
    assert "seconds" not in facet.points and not any("cache" in line for line in facet.summary.warnings)
    assert not any("cache" in str(verdict) for verdict in facet.summary.verdicts)


@pytest.fixture(scope="module")
def found():
    sweeps = [
        under(cache, gain, examples=60, anchors=(None, 1))
        for cache, gain in (("none", 0.0), ("block", 0.0), ("dual", 0.3))
    ]
    sweep = together(*sweeps)
    return sweep, find([sweep.run], sweep.records)


@pytest.mark.slow
def test_several_caches_are_drawn_against_every_cost(found):
    [facet] = found[1].facets
    assert [view.cost.column for view in facet.pictured] == ["nfe", "computed_positions", "seconds"]
    assert [
        line
        for line in facet.summary.warnings
        if line.startswith("NFE counts a step alike under every cache")
    ]
    nfe, positions, _ = facet.pictured
    assert nfe.hypervolumes["none"] == nfe.hypervolumes["block"], "an exact cache saves no step"
    assert positions.hypervolumes["block"].lo > positions.hypervolumes["none"].hi


@pytest.mark.slow
def test_what_was_imported_is_under_no_cache():
    """Its setting holds `none`, which says nothing of how it was decoded."""
    sweep = together(under("dual", **SMALL), under("none", **SMALL))
    for name, setting in sweep.settings.items():
        if setting.decode.cache == "none":
            foreign = dict(setting.identity) | {"foreign": {"name": "theirs"}}
            sweep.settings[name] = replace(setting, identity=foreign)
    [facet] = find([sweep.run], sweep.records).facets
    assert facet.points["foreign"].sum() == 2
    assert not any(line.startswith("NFE counts") for line in facet.summary.warnings)


@pytest.mark.slow
def test_seconds_are_compared_on_one_machine_only():
    sweep = together(under("none", **SMALL), under("dual", **SMALL))
    records = sweep.records.assign(device=lambda rows: np.where(rows["position"] % 2, "H100", "A100"))
    [facet] = find([sweep.run], records).facets
    assert [view.cost.column for view in facet.pictured] == ["nfe", "computed_positions"]
    [line] = [line for line in facet.summary.warnings if line.startswith("NFE counts")]
    assert "not by seconds" in line


@pytest.mark.slow
def test_axon_is_compared_under_each_cache_by_itself(found):
    """Sinks are read by AXON alone: with `sink_rows` visible a base decoder equals its AXON setting in all else."""
    [facet] = found[1].facets
    names = [one.cohort.name for one in facet.comparisons]
    assert names == [f"confidence (cache={cache})" for cache in ("none", "block", "dual")]
    none, *cached = facet.summary.verdicts[:3]
    assert "whole passes" not in str(none)
    for verdict, cache in zip(cached, ("block", "dual"), strict=True):
        assert f"NFE counts steps under cache {cache}, which are not whole passes" in verdict.evidence
        assert verdict.caption.endswith("positions are computed.")


@pytest.mark.slow
def test_at_matched_nfe_a_front_under_a_cache_has_its_base_under_that_cache(found):
    """A step under one cache is not one under another: NFE would tell the cache's effect as AXON's."""
    [facet] = found[1].facets
    pairs = [(own.front.name, own.against.name) for own in facet.matched]
    assert pairs == [(f"{cache} axon", cache) for cache in ("none", "block", "dual")]


@pytest.mark.slow
def test_a_cache_is_compared_with_whole_passes_along_each_axis(found):
    sweep, findings = found
    [facet] = findings.facets
    points = facet.points
    records = facet_rows(sweep)
    effects = compare_caches(
        facet.settings, points, make_sample(records, len(points), ("computed_positions",))
    )
    assert [(one.side, one.cache) for one in effects] == [
        ("confidence", "block"),
        ("confidence", "dual"),
        (
            "confidence with AXON",
            "dual",
        ),  # under `block` AXON looks for sinks in other rows than without a cache
    ]
    assert {own.alpha for one in effects for own in one.effects.values()} == {ALPHA / 2}, "of two comparisons"
    for one in effects:
        positions, steps = (one.effects[axis] for axis in one.effects)
        if one.cache == "block":
            assert steps.difference.estimate == 0 and steps.saving.cost.estimate == 0, "no step is saved"
        assert positions.saving.fraction.lo > 0.3 and positions.difference.lo > 0
    said = [str(verdict) for verdict in facet.summary.verdicts if "Cache dual improves" in str(verdict)]
    assert said and all("At equal quality" in text and "computed positions -" in text for text in said)
    assert all(
        "computed positions: +" in text and "Where settings may be mixed: +0." in text for text in said
    )
    dual = next(one for one in effects if one.cache == "dual")
    deciding = next(iter(dual.effects))
    mixed = dual.effects[deciding].mixed
    doubtful = replace(mixed, difference=mixed.difference._replace(lo=-0.1))
    known = {**dual.effects, deciding: replace(dual.effects[deciding], mixed=doubtful)}
    [told] = cache_verdicts([replace(dual, effects=known)])
    assert "against computed positions, not shown where settings may be mixed: +0." in told.short
    best = dual.effects[deciding]
    saving = best.saving
    said = f"At equal quality ({saving.quality:.3f}, 0.05 below the highest quality that both reach), where settings"
    assert said in told.saved and saving.margin == 3 / 60
    assert "examples detect a difference" not in told.evidence, "one was found"
    assert (
        told.caption.startswith("confidence on 60 examples. 95 % intervals")
        and "on 60 examples. 95 %" in told.evidence
    )
    for known, say in (
        (
            {"at_once": (True, False)},
            "; the side of whole passes reaches it with the fastest setting swept, so faster",
        ),
        ({"at_once": (False, True)}, "; cache dual reaches it with the fastest setting swept, so faster"),
        (
            {"quality": 0.0},
            "At equal quality: unknown, because the two sides reach no common quality above 0.05.",
        ),
    ):
        changed = {**dual.effects, deciding: replace(best, saving=replace(saving, **known))}
        [own] = cache_verdicts([replace(dual, effects=changed)])
        assert say in own.saved
    for holds, lower in ((True, False), (False, True)):
        known = {**dual.effects, deciding: replace(best, saving=replace(best.saving, holds=holds))}
        [told] = cache_verdicts([replace(dual, effects=known)])
        assert (
            "; the best under the cache is lower than that of whole passes), where" in told.saved
        ) == lower


def facet_rows(sweep):
    [part] = split([sweep.run], ["sweep"], clean(sweep.records), in_memory(sweep.records))
    return part.rows


@pytest.mark.slow
def test_the_same_quality_and_cost_is_no_effect_of_a_cache():
    """A cache that computes everything at the cost of whole passes, decoded alike: nothing is claimed of it."""
    sweep = together(under("none", **SMALL), under("prefix", **SMALL))
    for row in sweep.rows:
        row["computed_positions"] = row["nfe"] * WIDTH
    [verdict] = [own for own in facet_of(sweep).summary.verdicts if "ache prefix" in own.short]
    assert verdict.short.startswith(
        "Effect of cache prefix on the front of confidence against computed positions: inconc"
    )
    for told in (verdict.evidence, verdict.caption):
        assert (
            told.count(
                "20 examples detect a difference of 0.140 (with 80 % power); detecting 0.01 takes about"
            )
            == 1
        )
        assert (
            "No interval of computed positions at equal quality: examples that all agree tell none." in told
        )


@pytest.mark.slow
def test_settings_that_differ_in_more_than_the_cache_are_not_compared():
    other = under("dual", **SMALL)
    other.settings = {
        sid: identified(replace(own, decode=replace(own.decode, gen_length=32)))
        for sid, own in other.settings.items()
    }
    facet = facet_of(together(under("none", **SMALL), other))
    assert not any("ache dual" in own.short for own in facet.summary.verdicts)


@pytest.mark.slow
def test_the_pages_table_and_the_terminal_have_the_columns(tmp_path):
    sweep = together(*(under(cache, **SMALL) for cache in ("none", "block", "dual")))
    report = write_report(tmp_path, [sweep.run], sweep.records, [])
    console = Console(width=100, file=StringIO())
    console.print(report.terminal())
    assert "positions: computed per example" in " ".join(console.file.getvalue().split())
    page, table = report.page.read_text(), pd.read_csv(report.table)
    for heading in ("prefill passes", "store passes", "whole passes", "computed positions per example"):
        assert f'"heading":"{heading}"' in page
    assert {"cache", "full_passes", "tokens_per_pass", "seconds", "seconds_lo"} <= set(table.columns)
    verdicts = report.findings.facets[0].summary.verdicts
    assert len(verdicts) > 2 and page.count("<summary>Figures and evidence</summary>") == len(verdicts)
    width, height = struct.unpack(">II", report.picture.read_bytes()[16:24])
    assert width > 4 * height, "three panels side by side"


@pytest.mark.slow
def test_an_axon_setting_of_other_sinks_stays_apart_where_the_decoder_reads_them():
    sweep = under("none", examples=20)
    visible = {
        sid: replace(own, decode=replace(own.decode, sink_rows="visible", axon=AxonSettings(anchors=1)))
        for sid, own in sweep.settings.items()
        if own.uses_axon
    }
    sweep.settings |= {sid: identified(own) for sid, own in visible.items()}
    sweep.change(decoder="dawn")
    assert not facet_of(sweep).comparisons
