"""A sweep in which AXON or DAWN had no effect says so before it concludes anything."""

import pytest

from tests.report.counts import count, decode_alike
from tests.report.sweep import make_sweep
from tests.report.verdict import facet_of, found_in
from tests.report.written import Page, points_of, printed, summary_of, write


def dawn_sweep(**kinds):
    sweep = make_sweep(gain=-0.5, examples=40, thresholds=(0.3, 0.7))
    sweep.change(decoder="dawn")
    return count(sweep, **kinds)


def warned(sweep):
    return facet_of(sweep).summary.inert


@pytest.mark.slow
def test_empty_anchors_give_no_verdict_about_axon():
    """The gain in the records is no evidence about AXON, which had nothing to select its anchors by."""
    empty = count(make_sweep(gain=1.0, examples=200), supported=False)
    told = found_in(empty).verdict
    assert "Pareto front of confidence: inconclusive, because AXON was empty: 2 of 2 variants had" in told
    working = count(make_sweep(gain=1.0, examples=200))
    assert "AXON improves the Pareto front of confidence" in found_in(working).verdict


@pytest.mark.slow
def test_empty_anchors_are_read_above_the_verdict(tmp_path):
    report = write(tmp_path, dawn_sweep(sinks=0.97, supported=False, edges=False))
    axon, dawn = summary_of(report).inert
    assert axon.startswith(
        "AXON was empty in 4 of 4 settings in which it fired: in 100 % of AXON's steps no "
    )
    assert (
        "fell back to the single most confident token. These settings are no evidence about AXON. 97 % of"
        in axon
    )
    assert dawn.startswith(
        "DAWN's graph was empty in 6 of 6 settings with DAWN: in 100 % of DAWN's steps no "
    )
    assert axon.endswith("Remedy: axon.tau_sink=4x (four times uniform attention, 1 / length).")
    assert "Remedy: decoder.tau_sink=4x (four times uniform attention, 1 / length; null uses axon" in dawn
    for shown in (printed(report), " ".join(Page(report.page.read_text(encoding="utf-8")).shown)):
        flat = " ".join(shown.split())
        assert 0 <= flat.index(axon) < flat.index(dawn) < flat.index("front of dawn: inconclusive")


def test_of_unknown_sinks_the_usual_remedy_is_told():
    sweep = count(make_sweep(examples=20, thresholds=(0.3, 0.7)), supported=False)
    for row in sweep.rows:
        row["axon_columns"] = row["axon_sinks"] = 0
    (told,) = warned(sweep)
    assert told.endswith("about AXON. Remedy: axon.tau_sink=4x (four times uniform attention, 1 / length).")


@pytest.mark.slow
def test_working_anchors_are_not_warned_of(tmp_path):
    report = write(tmp_path, dawn_sweep())
    assert summary_of(report).inert == [] and "Warning:" not in printed(report)
    points = points_of(report).set_index("setting_id").loc["0.3-1"]
    assert (points["axon_empty"], points["anchors_per_step"], points["axon_sink_share"]) == (0, 3, 0.1)
    assert (points["graph_empty"], points["graph_sink_share"]) == (0, 0.1)


@pytest.mark.slow
def test_records_of_an_older_version_are_not_warned_of():
    sweep = make_sweep(gain=-0.5, examples=40, thresholds=(0.3, 0.7))
    found = facet_of(sweep)
    assert found.summary.inert == []
    unknown = [
        "axon_empty",
        "anchors_per_step",
        "axon_sink_share",
        "graph_empty",
        "computed_positions",
        "flops",
    ]
    assert found.points[unknown].isna().all(axis=None)


@pytest.mark.slow
def test_half_old_half_new_is_warned_of_what_is_known():
    sweep = dawn_sweep(sinks=0.97, supported=False)
    for row in sweep.rows:
        if row["position"] % 2 or row["setting_id"].endswith("-2"):
            row["unsupported_steps"] = None
    (axon, sinks) = warned(sweep)
    assert "empty in 2 of 2 settings" in axon and "(decoder.tau_sink)" in sinks


@pytest.mark.slow
def test_most_columns_sinks_is_its_own_warning():
    (warning,) = warned(dawn_sweep(sinks=0.6))
    assert "60 % in 4 of 4 settings (axon.tau_sink); 60 % in 6 of 6 settings (decoder.tau_sink)" in warning
    assert "axon.tau_sink=4x" in warning and "decoder.tau_sink=4x" in warning


@pytest.mark.slow
def test_remedy_is_that_of_the_cause():
    axon, dawn = warned(dawn_sweep(sinks=0.1, supported=False, edges=False))
    assert "axon.tau_sink is not the cause; try a lower axon.uncertainty_threshold" in axon
    assert "decoder.tau_sink is not the cause; try a lower decoder.tau_edge" in dawn
    assert "4x" not in axon + dawn


@pytest.mark.slow
@pytest.mark.parametrize(("empty", "warns"), [(20, False), (21, True)])
def test_most_is_more_than_half(empty, warns):
    sweep = dawn_sweep()
    for row in sweep.rows:
        if row["axon_steps"] and row["position"] < empty:  # 40 examples with two AXON steps each
            row["unsupported_steps"] = row["axon_steps"]
    assert bool(warned(sweep)) == warns


@pytest.mark.slow
def test_gate_that_never_fired():
    sweep = dawn_sweep()
    for row in sweep.rows:
        if row["setting_id"].endswith("-2"):
            row |= {"axon_steps": [], "unsupported_steps": [], "anchors": 0}
    (warning,) = warned(sweep)
    assert warning.startswith("AXON never fired in 2 of 4 settings that use it; its gate was evaluated in ")
    alone = make_sweep(anchors=(1,), thresholds=(0.5,))
    for row in alone.rows:
        row |= {"axon_steps": [], "unsupported_steps": [], "anchors": 0}
    (warning,) = warned(alone)
    assert warning.startswith("AXON never fired in its setting; its gate was evaluated in ")
    assert " of the steps. This setting is no evidence about AXON except" in warning


@pytest.mark.slow
def test_axon_that_decodes_as_its_base():
    (warning,) = warned(decode_alike(dawn_sweep(), "0.3-None", "0.3-1"))  # its gate did not fire there
    assert "never fired in 1 of 4" in warning
    sweep = dawn_sweep()
    traces = {row["position"]: row["tokens"] for row in sweep.rows if row["setting_id"] == "0.3-None"}
    for row in sweep.rows:
        if row["setting_id"] == "0.3-1":
            row["tokens"] = traces[row["position"]]
    (warning,) = warned(sweep)
    assert warning.startswith("AXON changed no token in 1 of 4 settings in which it fired")
    assert "(for example AXON threshold=0.3 anchors=1, the same as base threshold=0.3)" in warning


def wino_sweep(remasked):
    sweep = make_sweep(examples=20, thresholds=(0.3, 0.7))
    sweep.change(decoder="wino")
    return count(sweep, remasked=remasked)


@pytest.mark.slow
def test_a_decoder_that_took_no_token_back_is_warned_of():
    (told,) = warned(wino_sweep(remasked=0))
    assert told.startswith(
        "No token was masked again or replaced in 6 of 6 settings whose decoder may do so (for example "
    )
    assert told.endswith("These settings are no evidence about taking tokens back.")
    some = wino_sweep(remasked=0)
    for row in some.rows:
        row["remasked"] = int(row["setting_id"] != "0.3-None")
    (told,) = warned(some)
    assert "in 1 of 6 settings whose" in told and "This setting is no evidence" in told


@pytest.mark.slow
def test_a_decoder_that_kept_no_guess_is_warned_of():
    sweep = make_sweep(examples=20, thresholds=(0.3, 0.7))
    sweep.change(decoder="lopa")
    (told,) = warned(count(sweep))
    assert told.startswith("No guess was kept in 6 of 6 settings whose decoder looks ahead (for example ")
    assert told.endswith("These settings are no evidence about looking ahead.")
    found = facet_of(count(sweep, ahead=2))
    assert found.summary.inert == [] and (found.points["ahead_share"] > 0).all()


def clad_sweep(held):
    sweep = make_sweep(examples=20, thresholds=(0.3, 0.7))
    sweep.change(decoder="clad")
    return count(sweep, held=held)


@pytest.mark.slow
def test_a_decoder_whose_attention_held_nothing_back_is_warned_of():
    (told,) = warned(clad_sweep(held=0))
    assert told.startswith(
        "Attention held no token back in 6 of 6 settings whose decoder may do so (for example "
    )
    assert told.endswith("These settings are no evidence about what attention does.")
    found = facet_of(clad_sweep(held=2))
    assert found.summary.inert == []
    assert set(found.points["held_share"]) == {1.0} and set(found.points["held_per_step"]) == {2.0}
    assert facet_of(dawn_sweep()).points["held_share"].isna().all()


@pytest.mark.slow
def test_how_much_was_taken_back_is_counted_where_a_decoder_may():
    sweep = wino_sweep(remasked=3)
    found = facet_of(sweep)
    assert found.summary.inert == []
    [generated] = {row["tokens_generated"] for row in sweep.rows}
    assert found.points["remasked_share"].tolist() == pytest.approx([3 / generated] * 6)
    others = facet_of(dawn_sweep()).points
    assert others[["remasked_share", "replaced_share"]].isna().all(axis=None)
