"""The laws of a trace's events: those of axon/proposal.py, seen from what is left behind."""

from __future__ import annotations

from collections import Counter

from axon.trace import NOT_DECODED, Trace


def check_events(
    trace: Trace, block_length: int, mask: int, given: int = 0, post_steps: int = 0, ahead: bool = False
) -> tuple[int, ...]:
    """The block of each step. Replaying the events gives the trace, and all keep the rules of axon/proposal.py.

    A step reveals something, changes its current block alone (the first with a mask), reveals what is masked, remasks
    and replaces what is not, and never writes the mask token otherwise. Steps that reveal nothing are on a full block,
    at most `post_steps` of them, until one changes nothing. `given` positions of the first block are the prompt's.
    Either the decoder or AXON chooses what a step reveals, but for one position that an `ahead` decoder has guessed.
    """
    canvas = [mask] * len(trace.tokens)
    revealed_at = [NOT_DECODED] * len(trace.tokens)
    assert trace.events == tuple(sorted(trace.events, key=lambda event: event[:2]))
    assert len({event[:2] for event in trace.events}) == len(trace.events), (
        "two events of one position in a step"
    )
    blocks, post, happened = [0], 0, list(trace.events)
    for step in range(trace.nfe):
        before, ended = list(canvas), post == post_steps or not happened
        first = (given + canvas.index(mask)) // block_length if mask in canvas else None
        happened = [event for event in trace.events if event.step == step]
        if any(event.kind == "reveal" for event in happened):
            assert first is not None and (first == blocks[-1] or ended)
            post = post if first == blocks[-1] else 0
            blocks.append(first)
        else:
            assert first != blocks[-1] and not ended
            post += 1
            blocks.append(blocks[-1])
        block = blocks[-1]
        for event in happened:
            assert (given + event.position) // block_length == block
            assert (before[event.position] == mask) == (event.kind == "reveal")
            assert (event.token == mask) == (event.kind == "remask")
            assert event.by == "decoder" or event.kind == "reveal"
            canvas[event.position] = event.token
            if event.kind == "reveal":
                revealed_at[event.position] = step
        chosen = Counter(event.by for event in happened if event.kind == "reveal")
        guessed = ahead and chosen["decoder"] == 1 < chosen.total()
        choosers = chosen.keys() - ({"decoder"} if guessed else set())
        assert len(choosers) == any(event.kind == "reveal" for event in happened)
        assert (step in trace.axon_steps, step in trace.unsupported_steps) == (
            bool(choosers - {"decoder"}),
            choosers == {"axon_fallback"},
        )
    assert post == post_steps or not happened
    assert tuple(revealed_at) == trace.revealed_at
    assert all(
        token == held or (held == mask and step == NOT_DECODED)
        for token, held, step in zip(trace.tokens, canvas, revealed_at, strict=True)
    )
    return tuple(blocks[1:])
