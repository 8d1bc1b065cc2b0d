"""What the code of a family raises that nobody worded, told with its file and line: most often it is being written."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from axon.faults import told_as_no_memory
from axon.models.family import CheckpointError
from axon.own_code import of_ours, with_place

READER = "axon/models/keys.py"  # a family reads config.json through it: a key that isn't there is its slip


@contextmanager
def family_code(family: str) -> Iterator[None]:
    """Within, an error of the family's code is a CheckpointError, one line; one of the machine stays what it is."""
    try:
        yield
    except (CheckpointError, OSError, MemoryError):
        raise
    except Exception as error:
        if told_as_no_memory(error):
            raise
        walked = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
        ours = [place for place in walked if of_ours(place[0]) and not place[0].endswith(READER)]
        raise CheckpointError(f"family {family}: {with_place(*ours[-1], error, str(error))}") from error
