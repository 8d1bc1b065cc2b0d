"""Check a port, dtype, kernel or device against recorded decodes and forward passes.

    python -m axon.verify CASES.json --checkpoint FOLDER [--forward FILE.safetensors]

CASES.json: mask_id, gen_length, block_length, attention_layers, optionally block_alignment and budget_counts (settings
of all cases), attention_mask and logits (remarks), and `cases`. Each case has a prompt, a proposer (the file's name for
a decoder) with its params, optionally AXON's settings and sink_rows, and the outcome: tokens, nfe, reveals (positions
of each step), axon_fired. FILE.safetensors: input_i, logits_i and attention_i.
In float32 all must agree. In bfloat16 and float16 roundings move some decodes, and so may a fault: how many decodes and
tokens are the recorded ones is printed, and how far apart the forward passes are, beside what roundings may do. There
--least-share and --tolerance say what is enough; without them nothing disagrees.
Exit code: 0 enough agree (or no limit was given), 1 too much disagrees, 2 wrong input.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields
from itertools import zip_longest
from pathlib import Path
from typing import Any

from axon.own_code import faulty_files_told

# Whoever imports this module is told of a fault by Python itself.
with faulty_files_told() if __name__ == "__main__" else nullcontext():
    from safetensors import SafetensorError

    from axon.attention import KERNELS
    from axon.checks import check_range, check_whole
    from axon.decoders import DECODERS
    from axon.decoding import decode
    from axon.gates import GATES
    from axon.mechanism import Mechanism
    from axon.models import MaskedDiffusionModel, Overrides, load_model
    from axon.models.checkpoint import DTYPES
    from axon.policies import OBJECTIVES, POLICIES
    from axon.settings import AxonSettings, DecodeSettings
    from axon.trace import Trace
    from axon.verify_forward import layer_spec, verify_forward

HEAD = (
    "mask_id",
    "gen_length",
    "block_length",
    "attention_layers",
    "cases",
)  # what a file of cases must have
FURTHER = ("block_alignment", "budget_counts", "attention_mask", "logits")  # and may have
CASE = ("prompt", "proposer", "params", "tokens", "nfe")
OF_AXON = ("max_anchor_steps", "target_nfe")  # settings of AXON that stand in the case itself
OUTCOMES = ("reveals", "axon_fired")
# Of what stands anywhere in a file of cases, where no setting's own check sees it.
FORMS: dict[str, tuple[type, ...]] = (
    dict.fromkeys(("attention_layers", "proposer", "gate", "policy", "objective"), (str,))
    | dict.fromkeys(("prompt", "tokens", "reveals", "axon_fired"), (list,))
    | {"params": (dict,), "axon": (dict, type(None))}
)
_SAID: dict[type, str] = {str: "text", list: "a list", dict: "an object"}  # JSON's
_RENAMED = {"k": "anchors", "ratio": "candidate_ratio"}  # a case's name -> ours


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        with faulty_files_told():
            return _run(options)
    except (ValueError, OSError, SafetensorError) as error:
        print(f"verify: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2


def missing_part(case: Mapping[str, Any]) -> str | None:
    """The first part that a case needs and this version lacks; None where it has all."""
    axon = case.get("axon") or {}
    known: dict[str, tuple[str, Mapping[str, object]]] = {
        "decoder": (case["proposer"], DECODERS),
        "gate": (axon.get("gate", "never"), GATES),
        "policy": (axon.get("policy", "fixed"), POLICIES),
        "objective": (axon.get("objective", "facility_location"), OBJECTIVES),
    }
    for kind, (name, choices) in known.items():
        if name not in choices:
            return f"{kind} {name}"
    settings = {field.name for field in fields(AxonSettings)} | set(_RENAMED)
    surplus = sorted(set(axon) - settings) + sorted(
        set(case) - {*CASE, *OF_AXON, *OUTCOMES, "axon", "sink_rows"}
    )
    return f"setting {surplus[0]}" if surplus else None


def case_settings(case: Mapping[str, Any], cases: Mapping[str, Any]) -> DecodeSettings:
    """The settings of a case whose parts all exist. Raises ValueError for impossible values."""
    axon = {_RENAMED.get(key, key): value for key, value in (case.get("axon") or {"gate": "never"}).items()}
    axon |= {key: case[key] for key in OF_AXON if key in case}
    axon |= {key: cases[key] for key in ("budget_counts",) if key in cases}
    axon["attention_layers"] = layer_spec(cases)
    try:
        decoder = DECODERS[case["proposer"]](**case["params"])
    except TypeError as error:
        raise ValueError(f"decoder {case['proposer']}: {error}") from error
    return DecodeSettings(
        gen_length=cases["gen_length"],
        block_length=cases["block_length"],
        block_alignment=cases.get("block_alignment", "prompt"),
        sink_rows=case.get("sink_rows", "canvas"),
        decoder=decoder,
        axon=AxonSettings(**axon),
    )


def disagreement(trace: Trace, case: Mapping[str, Any]) -> str | None:
    """How a decode differs from its case, in words; None where all agree."""
    wrong = []
    if list(trace.tokens) != case["tokens"]:
        count = sum(ours != theirs for ours, theirs in zip_longest(trace.tokens, case["tokens"]))
        wrong.append(f"{count} of {len(case['tokens'])} tokens differ")
    if trace.nfe != case["nfe"]:
        wrong.append(f"{trace.nfe} steps instead of {case['nfe']}")
    ours, theirs = (
        trace.reveals(),
        [sorted(positions) for positions in case.get("reveals") or trace.reveals()],
    )
    if ours != theirs:
        step = next((n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
        step = min(len(ours), len(theirs)) if step is None else step
        shown = [plan[step] if step < len(plan) else None for plan in (ours, theirs)]
        wrong.append(f"step {step} is the first to differ: reveals {shown[0]} instead of {shown[1]}")
    fired = [step for step, flag in enumerate(case.get("axon_fired") or ()) if flag]
    if "axon_fired" in case and fired != list(trace.axon_steps):
        wrong.append(f"AXON took steps {list(trace.axon_steps)} instead of {fired}")
    return "; ".join(wrong) or None


def read_cases(path: Path, model: MaskedDiffusionModel | None = None) -> dict[str, Any]:
    """A case file, checked against the model where one is given."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; give a file of cases")
    try:
        cases = json.loads(path.read_text(encoding="utf-8"))
        lacking = set(HEAD) - set(cases)
        lacking |= set(CASE) - set.intersection(*map(set, cases["cases"]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        # One that isn't UTF-8 is quoted whole by the error's own words.
        why = error.reason if isinstance(error, UnicodeDecodeError) else repr(error)
        raise ValueError(
            f"{path}: is no file of cases ({why}); see `python -m axon.verify --help`"
        ) from error
    if lacking:
        raise ValueError(f"{path}: lacks {', '.join(sorted(lacking))}; see `python -m axon.verify --help`")
    if wrong := next(filter(None, map(_misformed, [cases, *cases["cases"]])), None):
        raise ValueError(f"{path}: {wrong}")
    if unknown := sorted(set(cases) - {*HEAD, *FURTHER}):
        raise ValueError(
            f"{path}: {unknown[0]}={cases[unknown[0]]!r}: unknown in the head of a file of cases, and may change them; "
            f"one of {', '.join((*HEAD, *FURTHER))}"
        )
    if model is not None and cases["mask_id"] != model.mask_token_id:
        raise ValueError(
            f"{path}: mask_id={cases['mask_id']}: the checkpoint's is {model.mask_token_id}; "
            "give the checkpoint that the cases were made with"
        )
    return dict(cases)


def _misformed(part: Mapping[str, Any]) -> str | None:
    """The first value in the head of a file, or in a case, that has another form than it must have, in words."""
    axon = part.get("axon")
    of_axon: dict[str, Any] = axon if isinstance(axon, dict) else {}
    for key, value in [*part.items(), *of_axon.items()]:
        if key in FORMS and not isinstance(value, FORMS[key]):
            return f"{key}={value!r}: must be {_SAID[FORMS[key][0]]}; correct it"
        if key == "reveals" and not all(isinstance(positions, list) for positions in value):
            return f"{key}={value!r}: must list the positions of each step; correct it"
        if wrong := [one for one in _numbers(key, value) if type(one) is not int]:
            return f"{key}: {wrong[0]!r} is no whole number; correct it"
        if key == "tokens" and not value:
            return f"{key}={value!r}: must be what was decoded; correct it"
    return None


def _numbers(key: str, value: Any) -> Sequence[object]:
    """What must be whole numbers in a value of a case; a true is none."""
    if key == "reveals":
        return [position for positions in value for position in positions]
    if key == "nfe":
        return [value]
    return list(value) if key in ("prompt", "tokens") else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m axon.verify",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", type=Path, help="file of recorded decodes (JSON)")
    parser.add_argument("--checkpoint", required=True, help="folder of the model they were made with")
    parser.add_argument("--forward", type=Path, help="file of recorded forward passes (safetensors)")
    parser.add_argument("--dtype", default="float32", choices=sorted(DTYPES))
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--attention-kernel", default="sdpa", choices=sorted(KERNELS))
    own = parser.add_argument_group("in place of what the checkpoint's files say")
    own.add_argument("--mask-token-id", type=int)
    own.add_argument("--attention", choices=("bidirectional", "block_causal"), help="for A2D")
    own.add_argument("--block-size", type=int, help="that it was trained with")
    own.add_argument("--inert-keys", nargs="+", default=(), help="of config.json, that change nothing")
    parser.add_argument(
        "--tolerance",
        type=float,
        help="of logits and attention (default 1e-4 in float32; in other dtypes they are only printed)",
    )
    parser.add_argument(
        "--least-share",
        type=float,
        help="share of the cases that must agree, 0 to 1 (default: all in float32, none in other dtypes)",
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    read_cases(options.cases)  # before the model: a wrong path should not cost a load
    if options.forward is not None and not options.forward.is_file():
        raise ValueError(f"{options.forward}: no such file; give a file of forward passes")
    if options.tolerance is not None:  # nothing is above a tolerance of nan
        check_range("--tolerance", options.tolerance, 0.0, float("inf"))
    if options.least_share is not None:
        check_range("--least-share", options.least_share, 0.0, 1.0)
    if options.block_size is not None:
        check_whole("--block-size", options.block_size, 1)
    model = load_model(
        options.checkpoint,
        options.dtype,
        options.device,
        options.attention_kernel,
        Overrides(
            mask_token_id=options.mask_token_id,
            attention=options.attention,
            block_size=options.block_size,
            inert_keys=tuple(options.inert_keys),
        ),
    )
    cases = read_cases(options.cases, model)
    exact = options.dtype == "float32"
    least = float(exact) if options.least_share is None else options.least_share
    tolerance = 1e-4 if exact and options.tolerance is None else options.tolerance
    agree = _verify_cases(model, cases, least)
    if not exact and options.least_share is None:
        print(
            f"No share was asked for (--least-share): in {options.dtype} a decode may differ by roundings alone."
        )
    if options.forward is not None:
        agree = verify_forward(model, cases, options.forward, tolerance) and agree
    elif not exact:
        print(
            f"Roundings of {options.dtype} and faults are told apart by forward passes (--forward), or in float32."
        )
    return 0 if agree else 1


def _verify_cases(model: MaskedDiffusionModel, cases: Mapping[str, Any], least_share: float) -> bool:
    """Whether at least that share of the cases whose parts exist here agrees; prints what does not."""
    apart: Counter[str] = Counter()
    failed = 0
    checked = same = tokens = 0
    mechanism = Mechanism()
    last = time.monotonic()
    for number, case in enumerate(cases["cases"]):
        if part := missing_part(case):
            apart[part] += 1
            continue
        trace = decode(model, [case["prompt"]], case_settings(case, cases))[0]
        checked += 1
        tokens += len(case["tokens"])
        same += sum(ours == theirs for ours, theirs in zip(trace.tokens, case["tokens"], strict=False))
        mechanism = mechanism.plus(trace)
        if wrong := disagreement(trace, case):
            failed += 1
            print(f"case {number} ({case['proposer']}, axon {case.get('axon')}): {wrong}")
        if time.monotonic() - last > 2:
            last = time.monotonic()
            print(f"{number + 1} of {len(cases['cases'])} cases", file=sys.stderr)
    share = (checked - failed) / checked if checked else 0.0
    outcome = (
        f"{checked - failed} of {checked} cases agree in tokens, steps, positions revealed and AXON's steps"
    )
    print(f"{outcome} ({100 * share:.1f} %)" if checked else "No case was checked.")
    if checked:
        print(f"{same} of {tokens} tokens are the recorded ones ({100 * same / tokens:.1f} %)")
    for line in mechanism.lines():
        print(line)
    if apart:
        reasons = ", ".join(f"{part}: {count}" for part, count in apart.items())
        print(f"{apart.total()} cases not checked, their parts do not exist here ({reasons})")
    return share >= least_share


if __name__ == "__main__":
    sys.exit(main())
