"""Weights & Biases: what it is told of a report. Imported only where W&B is on: wandb takes a second to import."""

from pipeline.report.tracker.client import Destination, check_login, track

__all__ = ["Destination", "check_login", "track"]
