"""Whether a store's address means the same place on a worker's machine as where the sweep was launched.

What is decoded into another place would be seen by nobody, and that only at the sweep's end.
"""

from __future__ import annotations

import platform
from time import monotonic, sleep

from pipeline.storage.inventory import is_filed
from pipeline.storage.store import StoreFull

LATE_SECONDS = 60.0  # NFS may show a machine so late what another has written (nfs(5): acdirmax)


def await_setting(root: str, setting_id: str, launched_on: str) -> None:
    """Until the setting is seen in the store, where it was written before the sweep began. Raises StoreFull."""
    until = monotonic() + LATE_SECONDS
    while not is_filed(root, setting_id):
        if monotonic() > until:
            rule = (
                f"is another place on {platform.node()} than on {launched_on}, where the sweep was launched"
            )
            raise StoreFull(f"store={root}: {rule}; give a folder that all machines share, or a bucket")
        sleep(1.0)
