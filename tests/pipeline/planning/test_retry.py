"""What is tried again after a worker was lost: every slice that can be finished is, none is tried without end."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.planning.retry import FRUITLESS, TRIES, Losses
from pipeline.storage.store import Span

Spans = list[Span]
SLICES = [(n, n + 1) for n in range(6)]


def played(
    pending: dict[str, Spans], deaths: list[tuple[str, Span]]
) -> tuple[Losses, set[tuple[str, Span]], Counter[tuple[str, Span]]]:
    """Rounds until nothing is left, in a world where a worker dies at a slice as often as it stands in `deaths`."""
    losses, stored, tried = Losses(), set[tuple[str, Span]](), Counter[tuple[str, Span]]()
    left = Counter(deaths)
    while pending:
        again = {}
        for sid, slices in pending.items():
            for span in slices:
                tried[sid, span] += 1
                if left[sid, span]:
                    left[sid, span] -= 1
                    have = [span for owner, span in stored if owner == sid]
                    again[sid] = losses.again(sid, slices, f"killed at {span}", have)
                    break
                stored.add((sid, span))
        pending = {sid: slices for sid, slices in again.items() if slices}
    return losses, stored, tried


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(SLICES)), max_size=30))
def test_no_slice_is_tried_more_often_than_is_allowed_and_whatever_is_missing_is_told(
    deaths: list[tuple[str, Span]],
) -> None:
    losses, stored, tried = played({"a": list(SLICES), "b": list(SLICES)}, deaths)
    assert max(tried.values()) <= TRIES
    missing = {(sid, span) for sid in "ab" for span in SLICES} - stored
    assert {sid for sid, _ in missing} == set(losses.given_up)


def test_a_worker_lost_once_costs_nothing() -> None:
    losses, stored, tried = played({"a": list(SLICES)}, [("a", (2, 3))])
    assert losses.given_up == {} and len(stored) == len(SLICES)
    assert tried == Counter({("a", span): 1 + (span == (2, 3)) for span in SLICES})


def test_a_poison_slice_is_tried_twice_last_and_alone_is_missing() -> None:
    poison = ("a", (2, 3))
    losses, stored, tried = played({"a": list(SLICES), "b": list(SLICES)}, [poison] * 9)
    assert stored == {(sid, span) for sid in "ab" for span in SLICES} - {poison}
    assert losses.given_up == {"a": "its worker was lost 2 times at examples 2-2: killed at (2, 3)"}
    assert tried[poison] == TRIES


def test_a_setting_under_which_nothing_is_ever_finished_costs_few_workers() -> None:
    losses, stored, tried = played({"a": list(SLICES)}, [("a", span) for span in SLICES] * 9)
    assert not stored and tried.total() == FRUITLESS
    assert losses.given_up == {"a": "its worker was lost 3 times with nothing finished: killed at (2, 3)"}


def test_a_loss_is_counted_against_a_slice_only_where_it_is_known_to_be_its_fault() -> None:
    """Of slices that were open at the same time, the first that is lacking is suspected: it comes last."""
    losses = Losses()
    assert losses.again("a", SLICES[:3], "killed", SLICES[1:2], apart=False) == [SLICES[2], SLICES[0]]
    assert losses.again("a", [SLICES[2], SLICES[0]], "its machine is gone", SLICES[1:3]) == [SLICES[0]]
    assert losses.given_up == {}
    assert losses.again("a", [SLICES[0]], "killed", SLICES[1:3], apart=False) == [], "it was alone"
    assert losses.given_up == {"a": "its worker was lost 2 times at examples 0-0: killed"}


def test_a_slice_that_is_stored_although_nobody_reported_it_is_not_tried_again() -> None:
    losses = Losses()
    assert losses.again("a", [(0, 4), (4, 8)], "killed", [(0, 4)]) == [(4, 8)]
    assert losses.again("a", [(4, 8)], "killed", [(0, 4), (4, 8)]) == []
    assert losses.given_up == {}


def test_workers_that_die_with_one_machine_count_as_one_loss_of_their_setting() -> None:
    losses = Losses()
    parts = [[span] for span in SLICES]
    again = [losses.again("a", part, "its machine is gone", [], begun=0) for part in parts]
    assert again == parts and losses.given_up == {}
    for part in parts[:2]:
        losses.again("a", part, "its machine is gone", [], begun=losses.count)
    assert losses.given_up.keys() == {"a"}, "now nothing was finished three times in a row"
