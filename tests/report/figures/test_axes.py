"""What the page's toggles tell settings apart by."""

from dataclasses import replace

from pipeline.report.figures.axes import make_axes
from tests.report.sweep import changed, make_sweep


def test_a_sweep_over_decoders_by_name_has_a_toggle_for_each():
    """The knob is called as the axis is, and has no value of its own in what identifies a setting."""
    found = []
    for decoder in ("confidence", "dawn", "klass"):
        for setting in make_sweep(anchors=(None, 1), thresholds=(0.9,)).settings.values():
            found.append(replace(changed(setting, decoder=decoder), knobs={"decoder": decoder}))
    axes = {axis.name: axis for axis in make_axes(found)}
    assert axes["decoder"].values == ("confidence", "dawn", "klass")
    assert [axes["decoder"].values[place] for place in axes["decoder"].of] == [
        setting.decode.decoder.name for setting in found
    ]
