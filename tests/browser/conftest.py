"""A headless Chromium for tests of pages: `visit(file)` opens one from disk, without a network.

Playwright drives the machine's own Chromium; its own download of a browser is not used.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: it can't be had as root in a container. No background traffic: nothing but the page may use a network.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
LOCAL = ("file:", "data:", "blob:", "about:")
Visit = Callable[..., Page]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Of this folder, not of the session: Playwright keeps an event loop running, beside which asyncio.run fails."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no {', '.join(NAMES)} on this machine (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Desk:
    """What the tests of a module share: pages left open, by their files, and what went wrong in any."""

    browser: Browser
    open: dict[Path, Page] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def desk(chromium: Browser) -> Iterator[Desk]:
    found = Desk(chromium)
    yield found
    for page in found.open.values():
        page.context.close()


@pytest.fixture
def visit(desk: Desk) -> Iterator[Visit]:
    """`visit(file, width=1180, dark=False, hash="", script=True, told="...")`: the page, opened; 390 wide: a phone's.

    Most of a page's time is the plotting library's: `shared=True` takes the page that an earlier test has opened, as
    new, and `figure=False` opens it without the library, with the picture in the figure's place.

    The test fails, too, where a page raised or printed an error (but for one that has `told` in it), or asked for
    anything but a local file.
    """
    contexts: list[BrowserContext] = []

    def open_(
        file: Path,
        width: int = 1180,
        dark: bool = False,
        hash: str = "",
        script: bool = True,
        told: str = "\n",
        shared: bool = False,
        figure: bool = True,
    ) -> Page:
        if shared and file in desk.open:
            return _renewed(desk.open[file])
        context = desk.browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            permissions=["clipboard-read", "clipboard-write"],
            is_mobile=width < 600,
            has_touch=width < 600,
        )
        page = context.new_page()
        page.set_default_timeout(30_000)  # a busy machine
        page.on("pageerror", lambda error: desk.faults.append(str(error)))
        page.on("console", lambda own: desk.faults.append(own.text) if _is_fault(own, told) else None)
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(LOCAL) else desk.faults.append(asked.url),
        )
        page.goto(f"{(file if figure else _without_library(file)).resolve().as_uri()}{hash}")
        if shared:
            desk.open[file] = page
        else:
            contexts.append(context)
        return page

    yield open_
    for context in contexts:
        context.close()
    faults = desk.faults.copy()
    desk.faults.clear()
    assert not faults


def _renewed(page: Page) -> Page:
    """As it is when opened."""
    page.emulate_media(media="screen", color_scheme="light")
    page.evaluate("""() => {
        location.hash = '';
        Object.assign(view, { cost: '', point: '', hidden: new Map() }).change();
        document.querySelectorAll('tbody.open button.fold').forEach(fold => fold.click());
        document.activeElement.blur();
        scrollTo(0, 0);
    }""")
    page.mouse.move(0, 0)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page


def _without_library(file: Path) -> Path:
    """A copy beside it, so that its details are found."""
    library = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    bare = file.with_name(f"bare-{file.name}")
    bare.write_text(file.read_text(encoding="utf-8").replace(library, ""), encoding="utf-8")
    return bare


def _is_fault(line: ConsoleMessage, told: str) -> bool:
    return line.type == "error" and told not in line.text
