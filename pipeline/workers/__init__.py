"""Assignments worked off, in this process or by Ray Tune on a cluster."""
