"""What a worker needs to decode, imported before it is told what: Ray's workers of early.py import this module.

What can't be imported would end the worker without a word: its first trial imports it again, and says so.
"""

from __future__ import annotations

from contextlib import suppress

from pipeline.importing import importing_models

with suppress(Exception), importing_models():
    import pipeline.evaluation.evaluate
    import pipeline.workers.trial  # noqa: F401  # and Tune
