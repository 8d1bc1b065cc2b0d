"""Seeing a decode: the canvas step by step, from a record and, where it can be, from a replay of it."""
