"""What a worker needs to decode, imported before it is told what: Ray's workers of early.py import this module."""

from __future__ import annotations

from pipeline.importing import importing_models

with importing_models():
    import pipeline.evaluation.evaluate
    import pipeline.workers.trial  # noqa: F401  # and Tune
