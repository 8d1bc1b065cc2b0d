"""Whether a worker on another machine sees the store that the sweep was launched with."""

from __future__ import annotations

from pathlib import Path
from threading import Timer

import pytest

from pipeline.storage.store import Store, StoreFull
from pipeline.workers import shared_store
from pipeline.workers.shared_store import await_setting


@pytest.mark.slow
def test_a_setting_that_is_seen_late_is_awaited(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    late = Timer(0.3, store.write_settings, [{"a": {"gate": "never"}}])
    late.start()
    await_setting(store.root, "a", "head")
    late.join()


@pytest.mark.parametrize("there", [{}, {"b": {"gate": "always"}}])
def test_a_folder_of_the_same_name_that_is_another_is_told(
    there: dict[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_store, "LATE_SECONDS", 0.0)
    Store(str(tmp_path)).write_settings(there)
    with pytest.raises(
        StoreFull, match=f"^store={tmp_path}: is another place on .+ than on head, .+; give a folder"
    ):
        await_setting(str(tmp_path), "a", "head")
