"""The YAML that d3LLM's leaderboard reads: task, method, pairs of TPF and accuracy in percent; one file per model.

Beside the pairs, in comments, stands what AUP depends on, and AUP itself. Pairs that d3LLM's function refuses (more
than MARGIN below the first) are left out. Source: hao-ai-lab/d3LLM, AUP_leaderboard/data_llada.yaml and main.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from pipeline.report.comparisons.aup import ALPHA, MARGIN
from pipeline.report.facet import Facet
from pipeline.report.html.aup_table import careful, interval_text, without_interval
from pipeline.report.words.phrases import counted

DIGITS = 4  # of a pair: AUP is the same to its first decimal


def d3llm(facets: Sequence[Facet]) -> dict[str, str]:
    """By model the text of its file; nothing for a model without tokens per forward."""
    models = dict.fromkeys(facet.model for facet in facets if facet.aups)
    return {model: _file(model, [facet for facet in facets if facet.model == model]) for model in models}


def _file(model: str, facets: Sequence[Facet]) -> str:
    parts = [
        f"# {model}: parallelism (tokens per forward, whole canvas) and accuracy (%) of every front",
        f"# AUP with alpha {ALPHA:g}, y_min {MARGIN:g} points below a method's first accuracy, y_max of all methods",
    ]
    for facet in facets:
        if facet.aups:
            parts += [*_comments(facet), _pairs(facet).rstrip()]
    return "\n".join(parts) + "\n"


def _comments(facet: Facet) -> list[str]:
    first = facet.aups[0]
    lines = [f"# {facet.task}: y_max {first.y_max:.{DIGITS}g}, pool: {', '.join(first.pool)}"]
    lines += [
        f"# {own.side.name}: AUP {interval_text(own.canvas, 1)}, up to the end of text {interval_text(own.to_eos, 1)}"
        + (f"; below y_min: {counted(own.left_out, 'setting')} of its front" if own.left_out else "")
        for own in facet.aups
    ]
    lines += [f"# {sentence}" for sentence in (*careful(facet.aups), *without_interval(facet.aups))]
    return [" ".join(line.split()) for line in lines]


def _pairs(facet: Facet) -> str:
    pairs = {
        own.side.name: [[round(tpf, DIGITS), round(accuracy, DIGITS)] for tpf, accuracy in own.pairs]
        for own in facet.aups
    }
    return yaml.safe_dump(
        {facet.task: pairs}, sort_keys=False, default_flow_style=None, allow_unicode=True, width=10_000
    )
