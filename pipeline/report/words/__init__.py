"""Findings in words: verdicts, warnings, labels, the report for a terminal."""
