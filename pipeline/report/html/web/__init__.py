"""The page's frame, style and scripts, as they are put into report.html."""

from importlib.resources import files

SCRIPTS = (
    "state",
    "columns",
    "toggles",
    "fronts",
    "figure",
    "card",
    "about",
    "table",
    "knobs",
    "sections",
    "start",
)  # in this order


def read(name: str) -> str:
    """The text of a file beside this one."""
    return (files("pipeline.report.html.web") / name).read_text(encoding="utf-8")


def scripts() -> str:
    """All of the page's own, as one."""
    return "\n".join(read(f"{name}.js") for name in SCRIPTS)
