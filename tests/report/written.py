"""A report as it is written: its page as a browser reads it, its summary, its points, its terminal."""

import json
from html.parser import HTMLParser

from rich.console import Console

from pipeline.report import write_report
from pipeline.runs.columns import from_columns
from tests.report.sweep import make_run


class Page(HTMLParser):
    """What a browser would fetch, show and run."""

    def __init__(self, html):
        super().__init__()
        self.fetched, self.scripts, self.shown, self.inside = [], [], [], ""
        self.feed(html)

    @property
    def figures(self):
        """The data of each facet's figures."""
        found = [json.loads(script) for script in self.scripts if script.startswith('{"band"')]
        return [own | {"rows": from_columns(own["rows"])} for own in found]

    @property
    def tables(self):
        """The data of each facet's table of settings."""
        return [json.loads(script) for script in self.scripts if script.startswith('{"columns"')]

    @property
    def points(self):
        """Those of the rows of all facets."""
        return [point for table in self.tables for row in table["points"] for point in row]

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.fetched += [
            value for name, value in attrs if name in {"src", "href", "srcset", "data", "action"}
        ]
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        else:
            self.shown.append(data)


def write(folder, sweep, records=None, title="title", notes=()):
    records = sweep.records if records is None else records
    run = make_run(list(sweep.settings.values()), title=title)
    return write_report(folder, [run], records, list(notes))


def summary_of(report):
    (facet,) = report.findings.facets
    return facet.summary


def points_of(report):
    return report.findings.points


def printed(report):
    console = Console(width=100, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(report.terminal())
    return capture.get()
