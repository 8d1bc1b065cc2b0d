"""What is drawn of a frame: a cell a position, and the lines of words below. Shared by every form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.show.decode import Decode
from pipeline.show.frames import Frame

# before: revealed in an earlier step. decoder, axon: revealed in this one. replaced: replaced in this step. undecoded:
# after the end of the text, never decoded. supported: masked, attends to an anchor. mask: masked. remasked: masked
# again in this step; its text is that of the token taken back.
Kind = Literal["before", "decoder", "axon", "replaced", "undecoded", "supported", "mask", "remasked"]
LONGEST = 14  # characters of a cell
FAINTEST = 0.2  # of the step's strongest support: with less a position is not drawn as supported
END = "∎"  # drawn for an end-of-text
# How the kinds are explained, in the order of a legend.
LEGEND: dict[Kind, str] = {
    "decoder": "revealed by the base decoder in this step",
    "axon": "anchor, revealed by AXON in this step",
    "replaced": "replaced by the base decoder in this step",
    "remasked": "masked again by the base decoder in this step",
    "supported": "masked; attends to the anchor of that number",
    "mask": "masked; what the model would write now in grey",
    "before": "revealed before",
}


@dataclass(frozen=True)
class Cell:
    """`number`: of the anchor, or of the one that supports it, from 1; 0 for none. `strength`: its support, 0 to 1, of
    the step's strongest."""

    position: int
    text: str  # empty for a mask without a guess
    kind: Kind
    number: int = 0
    strength: float = 0.0
    confidence: float | None = None


def cells(decode: Decode, step: int) -> list[Cell]:
    """The canvas after a step; one after the last shows the last as over."""
    frame = decode.frames[min(step, len(decode.frames) - 1)]
    if step >= len(decode.frames):
        return [
            Cell(place, decode.text(token), "before")
            for place, token in enumerate(frame.tokens)
            if token is not None
        ]
    numbers = {anchor.position: number for number, anchor in enumerate(frame.anchors, 1)}
    supporters = frame.supporters()
    strongest = max((weight for _, weight in supporters.values()), default=1.0)
    changed = {event.position: event for event in frame.events}
    seen = frame.seen
    before = decode.frames[step - 1].tokens if step else (None,) * len(frame.tokens)
    made = []
    for place, token in enumerate(frame.tokens):
        confidence = seen.confidence.get(place) if seen else None
        event = changed.get(place)
        if event is not None and event.kind == "remask":
            taken = before[place]
            made.append(Cell(place, "" if taken is None else decode.text(taken), "remasked"))
            continue
        if token is None:
            guess = seen.guesses.get(place) if seen else None
            text = "" if guess is None else decode.text(guess)
            anchor, weight = supporters.get(place, (0, 0.0))
            if weight > FAINTEST * strongest:
                made.append(Cell(place, text, "supported", anchor + 1, weight / strongest, confidence))
            else:
                made.append(Cell(place, text, "mask", confidence=confidence))
            continue
        if event is None:
            kind: Kind = "undecoded" if before[place] is None else "before"
        elif event.kind == "replace":
            kind = "replaced"
        else:
            kind = "decoder" if event.by == "decoder" or (numbers and place not in numbers) else "axon"
        made.append(Cell(place, decode.text(token), kind, numbers.get(place, 0), confidence=confidence))
    return made


def visible(text: str) -> str:
    """A token's text in one short line in which nothing is invisible."""
    short = text.strip(" ") or "␣" * len(text)
    short = short.replace("\n", "↵").replace("\r", "").replace("\t", "⇥") or "·"
    short = "".join(one if one.isprintable() else "�" for one in short)
    return short if len(short) <= LONGEST else short[: LONGEST - 1] + "…"


def step_words(decode: Decode, step: int) -> str:
    """Which step this is."""
    total = len(decode.frames)
    return f"step {step + 1} of {total}" if step < total else f"done after {total} steps"


def captions(decode: Decode, step: int) -> list[str]:
    """What happened in the step, and why."""
    if step >= len(decode.frames):
        return [outcome(decode)]
    frame = decode.frames[step]
    return [_changed(frame), *_gate(frame, decode.gate)]


def outcome(decode: Decode) -> str:
    """Its score."""
    return "not scored" if decode.score is None else f"score {decode.score:g}"


def _changed(frame: Frame) -> str:
    who = {
        "decoder": "the base decoder",
        "axon": "AXON",
        "axon_fallback": "AXON, the most confident (nothing attends to a candidate)",
    }[frame.by]
    parts = [f"{_tokens(len(frame.revealed))} revealed by {who}"] if frame.revealed else []
    if frame.seen and frame.by != "decoder":
        parts.append(f"the base decoder would have revealed {len(frame.seen.proposal)}")
    for kind, word in (("remask", "masked again"), ("replace", "replaced")):
        if number := sum(event.kind == kind for event in frame.events):
            parts.append(f"{number if parts else _tokens(number)} {word}")
    left = frame.masks_left
    parts = parts or ["no token changed" if frame.seen else "no token revealed"]
    return "; ".join([*parts, f"{left} mask left" if left == 1 else f"{left} masks left"])


def _tokens(count: int) -> str:
    return f"{count} token" if count == 1 else f"{count} tokens"


def _gate(frame: Frame, name: str) -> list[str]:
    if name == "never":
        return []
    if frame.seen is None:
        return [
            f"gate {name} fired" if frame.by != "decoder" else f"gate {name} did not fire, or was not asked"
        ]
    gate = frame.seen.gate
    if gate is None:
        why = "its budget is spent" if frame.revealed else "the block is full"
        return [f"gate {name} not asked: {why}"]
    parts = [
        f"{one.name} {one.value:.2f} {one.sign if one.holds else _FAILED[one.sign]} {one.bound:.2f} = {one.bound_name}"
        for one in gate.comparisons
    ]
    return [
        f"gate {gate.name} {'fires' if gate.fired else 'does not fire'}",
        *(f"  {part}" for part in parts),
    ]


_FAILED = {"<": "≥", "<=": ">"}
