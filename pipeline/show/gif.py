"""A decode as an animated GIF, a picture a step, all of one size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from pipeline.show.decode import Decode
from pipeline.show.scene import PAPER, Arc, Box, Scene, Words, legend_kinds, scene

SCALE = 2  # drawn larger and made smaller, so that edges are smooth
STEP_MS, LAST_MS = 900, 2600
CURVE = 24  # straight pieces of an arc
COLOURS = 64
STRUCK = 0.3  # of a text's size, above its base line


def draw(decodes: Sequence[Decode], steps: range) -> bytes:
    """It repeats for ever, and rests on the last step."""
    kinds = legend_kinds(decodes, steps)
    pictures = [_picture(scene(decodes, [step], kinds, level=True)) for step in steps]
    size = (pictures[0].width, max(picture.height for picture in pictures))
    shown = []
    for picture in pictures:
        whole = Image.new("RGB", size, PAPER)
        whole.paste(picture, (0, 0))
        # By median cut a colour of few pixels, as of a legend, is drawn as a duller one.
        shown.append(whole.quantize(COLOURS, Image.Quantize.FASTOCTREE))
    held = io.BytesIO()
    times = [STEP_MS] * (len(shown) - 1) + [LAST_MS]
    shown[0].save(held, "GIF", save_all=True, append_images=shown[1:], duration=times, loop=0, disposal=1)
    return held.getvalue()


def _picture(made: Scene) -> Image.Image:
    size = (made.width, round(made.height))
    image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), PAPER)
    pen = ImageDraw.Draw(image)
    for shape in made.shapes:
        if isinstance(shape, Box):
            corners = [
                value * SCALE for value in (shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)
            ]
            edge = max(1, round(shape.edge_width * SCALE))
            pen.rounded_rectangle(corners, 4 * SCALE, fill=shape.fill, outline=shape.edge, width=edge)
        elif isinstance(shape, Words):
            place = (shape.x * SCALE, shape.y * SCALE)
            pen.text(
                place, shape.text, fill=shape.colour, font=_font(shape.size * SCALE, shape.bold), anchor="ls"
            )
            if shape.struck:
                height = (shape.y - STRUCK * shape.size) * SCALE
                ends = [(shape.x * SCALE, height), ((shape.x + shape.width) * SCALE, height)]
                pen.line(ends, fill=shape.colour, width=SCALE)
        else:
            points = [(x * SCALE, y * SCALE) for x, y in _curve(shape)]
            pen.line(points, fill=shape.colour, width=max(1, round(shape.width * SCALE)), joint="curve")
    return image.resize(size, Image.Resampling.LANCZOS)


def _curve(arc: Arc) -> list[tuple[float, float]]:
    """Points on it, from end to end."""
    (x0, y0), (x1, y1), (x2, y2) = arc.points
    shares = [place / CURVE for place in range(CURVE + 1)]
    return [
        (
            (1 - t) ** 2 * x0 + 2 * t * (1 - t) * x1 + t * t * x2,
            (1 - t) ** 2 * y0 + 2 * t * (1 - t) * y1 + t * t * y2,
        )
        for t in shares
    ]


@cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """matplotlib brings the font, so that the picture is the same everywhere."""
    style = font_manager.FontProperties(family="DejaVu Sans Mono", weight="bold" if bold else "normal")
    return ImageFont.truetype(font_manager.findfont(style), size)
