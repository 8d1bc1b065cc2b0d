"""Is AXON calibrated? How often its anchors, and what the decoder reveals, differ from a careful decode."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.report.entries import Part


@dataclass(frozen=True)
class Calibration:
    """Of one decoder in a facet."""


def calibrate(part: Part) -> tuple[Calibration, ...]:
    """One for each decoder with AXON settings and a reference; from records alone."""
    raise NotImplementedError


def calibration_section(found: tuple[Calibration, ...]) -> str:
    """A section of the page with an inline SVG; empty where there is nothing to say."""
    raise NotImplementedError
