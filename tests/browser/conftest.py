"""A headless Chromium for tests of pages: `visit(file)` opens one from disk, without a network.

Playwright drives the machine's own Chromium; its own download of a browser is not used.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: it can't be had as root in a container. No background traffic: nothing but the page may use a network.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
LOCAL = ("file:", "data:", "blob:", "about:")
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of a module, not of the session: Playwright keeps an event loop running, beside which asyncio.run fails."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no {', '.join(NAMES)} on this machine (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """`visit(file, width=1180, dark=False, hash="", script=True, told="...")`: the page, opened; 390 wide: a phone's.

    The test fails, too, where a page raised or printed an error (but for one that has `told` in it), or asked for
    anything but a local file.
    """
    contexts, faults = [], list[str]()

    def open_(
        file: Path,
        width: int = 1180,
        dark: bool = False,
        hash: str = "",
        script: bool = True,
        told: str = "\n",
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            permissions=["clipboard-read", "clipboard-write"],
            is_mobile=width < 600,
            has_touch=width < 600,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)  # a busy machine
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda own: faults.append(own.text) if _is_fault(own, told) else None)
        page.on("request", lambda asked: None if asked.url.startswith(LOCAL) else faults.append(asked.url))
        page.goto(f"{file.resolve().as_uri()}{hash}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not faults


def _is_fault(line: ConsoleMessage, told: str) -> bool:
    return line.type == "error" and told not in line.text
