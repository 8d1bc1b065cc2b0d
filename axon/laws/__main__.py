"""Try the laws of decoding on a decoder, a gate or a budget policy: of this package, or of another that is installed.

    python -m axon.laws NAME [KEY=VALUE ...] [--cases N]

The values are its own settings: its defaults, where none are given. The networks are small and random, so
that no checkpoint is needed and half a minute is enough. A law that is broken is a fault; that none is found broken
proves nothing of other cases. Exit code: 0 all laws hold, 1 one is broken, 2 wrong input.
"""

from __future__ import annotations

import argparse
import ast
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

from axon.own_code import faulty_files_told

with faulty_files_told() if __name__ == "__main__" else nullcontext():
    import torch

    from axon.checks import check_whole
    from axon.decoders import Confidence, Decoder
    from axon.installed_parts import GATE, POLICY, all_decoders, all_rules, rule_keys
    from axon.laws.cases import AXONS, Case, cases, of_rule
    from axon.laws.comparisons import (
        check_batch,
        check_deaf_gate,
        check_leeway,
        check_mask_unwritten,
        check_seeds_unread,
        check_silent_rows,
        check_undeclared_settings,
    )
    from axon.laws.rows import check_rows, decode_rows
    from axon.settings import AxonSettings

CASES = 40
THRESHOLD = 0.6  # under which the base decoder of a rule's cases reveals now nothing, now several tokens
SHARES = (0.1, 0.5, 0.9)  # of a leeway
OWN = Path(__file__).resolve().parents[1]


def _rows(case: Case) -> None:
    check_rows(case.model, case.prompts, case.setting, case.batch_size)


def _batch(case: Case) -> None:
    check_batch(case.model, case.prompts, case.setting, range(len(case.prompts) - 1, -1, -1))


def _mask(case: Case) -> None:
    check_mask_unwritten(case.model, case.prompts, case.setting, case.batch_size)


def _gate(case: Case) -> None:
    check_deaf_gate(case.model, case.prompts, case.setting)


def _seeds(case: Case) -> None:
    if not case.setting.temperature and not case.setting.decoder.needs_seeds:
        check_seeds_unread(case.model, case.prompts, case.setting)


def _leeway(case: Case) -> None:
    if case.setting.decoder.leeway_of:
        check_leeway(case.model, case.prompts, case.setting, SHARES)


def _silent(case: Case) -> None:
    check_silent_rows(case.model, case.prompts, case.setting)


def _settings(case: Case) -> None:
    check_undeclared_settings(case.model, case.prompts, case.setting)


LAWS: dict[str, Callable[[Case], None]] = {
    "every step keeps the rules of axon/proposal.py, ends in time and is counted": _rows,
    "a batch decodes as its rows do one by one, in any order": _batch,
    "the mask token is never written, however likely it is": _mask,
    "a gate that never fires changes nothing": _gate,
    "at temperature 0 seeds change nothing, unless it declares needs_seeds": _seeds,
    "within the leeway that it tells every decode is the same": _leeway,
}
LAWS_OF_RULES: dict[str, Callable[[Case], None]] = {
    "a row in which its gate never fires decodes as without AXON": _silent,
    "settings of AXON that are not declared in settings_read change nothing": _settings,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line for each law, and what broke it, and returns the exit code."""
    parser = argparse.ArgumentParser("python -m axon.laws", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("name", metavar="NAME", help="of the decoder, gate or policy")
    parser.add_argument("values", metavar="KEY=VALUE", nargs="*", help="its settings, such as threshold=0.7")
    parser.add_argument("--cases", type=int, default=CASES, help="how many to try (default: %(default)s)")
    given = parser.parse_args(arguments)
    if not __debug__:
        print(
            "python -O: leaves out the assertions that laws are made of; run it without -O", file=sys.stderr
        )
        return 2
    try:
        check_whole("--cases", given.cases, 1)
        shown, decoder, axons = asked(given.name, given.values)
        tried = list(cases(decoder, given.cases, axons))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    torch.set_num_threads(1)  # the networks are too small to gain from more
    print(f"{shown}, on {len(tried)} cases of random networks and prompts")
    of_a_rule = axons is not AXONS
    laws = LAWS | LAWS_OF_RULES if of_a_rule else LAWS
    broken = [_holds(law, check, tried) for law, check in laws.items()].count(False)
    if not broken:
        print(_fired(tried) if of_a_rule else _parallel(tried))
    return 1 if broken else 0


def asked(name: str, values: Sequence[str]) -> tuple[str, Decoder, Sequence[Mapping[str, Any]]]:
    """What of that name is tried, a decoder and settings of AXON to try it in. Raises ValueError, one line."""
    decoders = all_decoders()
    own = rule_keys()
    known = {decoder: [field.name for field in fields(kind)] for decoder, kind in decoders.items()}
    known |= {
        rule: own.get(rule, []) for part in (GATE, POLICY) for rule in all_rules(part) if rule != "never"
    }
    if name not in known:
        remedy = "one of another package has to be installed (pip install -e FOLDER)"
        raise ValueError(
            f"NAME={name!r}: no such decoder, gate or policy; give one of {', '.join(known)}; {remedy}"
        )
    settings = _settings_of(name, [key for key in known[name] if key != "name"], values)
    if name in decoders:
        try:
            decoder = decoders[name](**settings)
        except TypeError as error:  # a check of its own that compares what can't be compared
            raise ValueError(f"{' '.join(values)}: {error}; correct the values") from error
        return str(decoder), decoder, AXONS
    part = "gate" if name in all_rules(GATE) else "policy"
    axons = of_rule(part, name, {name: settings} if name in own else {})
    axon = AxonSettings(**axons[0])
    return f"{part} {axon.own.get(name, name)}", Confidence(threshold=THRESHOLD), axons


def _settings_of(name: str, keys: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
    """Raises ValueError, one line, for a word that is no setting of it."""
    settings: dict[str, Any] = {}
    for word in values:
        key, sign, text = word.partition("=")
        if not sign or key not in keys:
            own = ", ".join(keys) or "none"
            raise ValueError(f"{word}: no setting of {name}; write KEY=VALUE with one of its keys: {own}")
        settings[key] = _read(text)
    return settings


def _read(text: str) -> Any:
    """A number, or whatever else Python writes so; any other text is itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _holds(law: str, check: Callable[[Case], None], tried: Sequence[Case]) -> bool:
    for case in tried:
        try:
            check(case)
        except Exception as error:  # whatever the decoder's own code raises
            what = " ".join(str(error).split()) or "no message"
            print(f"BROKEN  {law}\n        {type(error).__name__}: {what[:300]}\n        {_place(error)}")
            print(f"        case: {case}")
            return False
    print(f"ok      {law}")
    return True


def _place(error: Exception) -> str:
    """FILE:LINE and its code: the decoder's own, where it failed in there, or else the law's."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [one for one in frames if OWN not in Path(one.filename).parents and "torch" not in one.filename]
    frame = theirs[-1] if theirs and not isinstance(error, AssertionError) else frames[-1]
    return f"{frame.filename}:{frame.lineno}: {frame.line}"


def _parallel(tried: Sequence[Case]) -> str:
    """How much there was to try without AXON: a rule that never acts keeps every law."""
    alone = [case for case in tried if case.setting.axon.gate == "never"]
    traces = [trace for case in alone for trace in decode_rows(case.model, case.prompts, case.setting)]
    tokens, steps = sum(len(trace.tokens) for trace in traces), sum(trace.nfe for trace in traces)
    line = f"{tokens / steps:.2f} tokens a step without AXON"
    if all(trace.nfe >= len(trace.tokens) for trace in traces):
        return f"{line}: its rule revealed no two at once, so little was tried; give it values under which it does"
    return line


def _fired(tried: Sequence[Case]) -> str:
    """How often the gates fired, and what was chosen: one that never or always fires keeps every law."""
    traces = [trace for case in tried for trace in decode_rows(case.model, case.prompts, case.setting)]
    checks, taken = sum(trace.gate_checks for trace in traces), sum(len(trace.axon_steps) for trace in traces)
    line = f"the gates fired in {taken} of {checks} checks"
    if not taken:
        return f"{line}, so little was tried; give it values under which they do"
    return f"{line}, with {sum(trace.anchors for trace in traces) / taken:.2f} anchors each"


if __name__ == "__main__":
    sys.exit(main())
