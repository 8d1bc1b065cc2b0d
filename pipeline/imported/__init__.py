"""Answers from elsewhere: read from a file, matched to examples of a task, scored by it, stored as a foreign run."""
