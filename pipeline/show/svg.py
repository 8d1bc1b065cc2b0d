"""A decode as SVG: text stays text, and no library is needed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pipeline.errors import ConfigError
from pipeline.show.decode import Decode
from pipeline.show.scene import PAPER, Arc, Box, Shape, legend_kinds, scene

MOST = 60  # steps below each other
FONT = "'DejaVu Sans Mono', Menlo, Consolas, monospace"


def draw(decodes: Sequence[Decode], steps: range) -> bytes:
    """The steps below each other. Raises ConfigError for more than a picture holds."""
    if len(steps) > MOST:
        raise ConfigError(
            [f"format=svg: the decode has {len(steps)} steps; choose up to {MOST} of them, step=1-{MOST}"]
        )
    made = scene(decodes, steps, legend_kinds(decodes, steps), level=False)
    title = escape(" and ".join(decode.title for decode in decodes))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {made.width} {made.height:.0f}" width="{made.width}" '
        f'height="{made.height:.0f}" role="img" aria-labelledby="title" font-family="{FONT}">'
        f'<title id="title">Decoding, step by step: {title}</title>'
        f'<rect width="{made.width}" height="{made.height:.0f}" fill="{PAPER}"/>'
    )
    return "\n".join([head, *(_element(shape) for shape in made.shapes), "</svg>\n"]).encode()


def _element(shape: Shape) -> str:
    if isinstance(shape, Box):
        place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}"'
        return f'<rect {place} rx="4" fill="{shape.fill}" stroke="{shape.edge}" stroke-width="{shape.edge_width:g}"/>'
    if isinstance(shape, Arc):
        (x, y), (by_x, by_y), (to_x, to_y) = shape.points
        path = f"M{x:.1f} {y:.1f}Q{by_x:.1f} {by_y:.1f} {to_x:.1f} {to_y:.1f}"
        return f'<path d="{path}" fill="none" stroke="{shape.colour}" stroke-width="{shape.width:.1f}"/>'
    bold = ' font-weight="bold"' if shape.bold else ""
    struck = ' text-decoration="line-through"' if shape.struck else ""
    # The length that the layout counts with, whatever font the reader has.
    length = f' textLength="{shape.width:.1f}" lengthAdjust="spacingAndGlyphs"'
    place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size}" fill="{shape.colour}"'
    return f'<text {place}{bold}{struck}{length} xml:space="preserve">{escape(shape.text)}</text>'
