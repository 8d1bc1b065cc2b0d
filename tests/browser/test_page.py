"""The report's page in a browser."""

from __future__ import annotations

import pytest

from pipeline.report import write_report
from tests.report.sweep import make_sweep


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    sweep = make_sweep(gain=1.0)
    return write_report(tmp_path_factory.mktemp("page"), [sweep.run], sweep.records, []).page


def test_it_opens_without_a_fault_and_draws(visit, page_file):
    page = visit(page_file)
    page.locator(".interactive .main-svg").first.wait_for()
    assert page.locator(".picture").is_hidden()
