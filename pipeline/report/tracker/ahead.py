"""What W&B imports with its first run (wandb/sdk/wandb_run.py, _detect_and_apply_job_inputs), for an earlier time."""

from contextlib import suppress

import pipeline.report.tracker.client  # noqa: F401

with suppress(ImportError):  # a release that needs it no more
    import wandb.sdk.launch.inputs.internal  # noqa: F401
