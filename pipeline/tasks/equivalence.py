"""Whether two mathematical expressions are equal, by math-verify, in a separate process because sympy can hang.

The process is kept for later comparisons, ended if one takes too long, and started again when needed. What takes too
long is not equal, as where math-verify's own timeouts end a comparison (huggingface/Math-Verify:src/math_verify/
grader.py and parser.py: 5 seconds each by the clock). Here they are seconds of a processor, so that it is so whatever
else the machine does.
"""

from __future__ import annotations

import atexit
import multiprocessing
import signal
import threading
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

PROCESSOR_SECONDS = 10.0  # for one comparison, with the parsing of both sides; then the process ends itself
LONGEST_SECONDS = 100.0  # by the clock, on a machine that hardly lets it run: after them nothing is known
START_SECONDS = 60.0  # for importing sympy on a busy machine
Match = tuple[bool, str | None]  # whether they are equal, and what was read in the answer (None: nothing)


class Verifier:
    """Compares answers with gold solutions, one at a time; threads that share it wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        atexit.register(self.close)

    def compare(self, gold: str, answer: str, announced: bool = False) -> Match:
        r"""`announced`: as OpenCompass reads an answer: only a \boxed{} formula or one after "answer is" and the like,
        and only if it is sound LaTeX (\frac43 is not).

        Raises TimeoutError if the machine is too busy for it, RuntimeError if it fails.
        """
        with self._lock:
            return self._compared(gold, answer, announced)

    def _compared(self, gold: str, answer: str, announced: bool) -> Match:
        pipe = self._ready()
        pipe.send((gold, answer, announced))
        try:
            if not pipe.poll(LONGEST_SECONDS):
                self.close()
                raise TimeoutError(f"too busy a machine: no comparison within {LONGEST_SECONDS:g} s")
            found: Match | str = pipe.recv()
        except (EOFError, ConnectionError) as error:
            if self.close() == -signal.SIGPROF:
                return False, None
            raise RuntimeError("the comparison died") from error
        if isinstance(found, str):
            raise RuntimeError(found)
        return found

    def close(self) -> int | None:
        """Ends the process; the next comparison starts another. Returns how it ended: by its own limit, perhaps."""
        code = None
        if self._process is not None and self._pipe is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            code = self._process.exitcode
        self._process = self._pipe = None
        return code

    def _ready(self) -> Connection:
        if self._pipe is None or self._process is None or not self._process.is_alive():
            self.close()
            context = multiprocessing.get_context(
                "spawn"
            )  # a fork would copy torch's locks without its threads
            pipe, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, PROCESSOR_SECONDS), daemon=True)
            process.start()
            theirs.close()
            self._pipe, self._process = pipe, process
            if not self._pipe.poll(START_SECONDS):
                self.close()
                raise TimeoutError(f"math-verify was not imported within {START_SECONDS:g} s")
            self._pipe.recv()
        return self._pipe


def _serve(pipe: Connection, seconds: float) -> None:
    """The process: says when it is ready, then compares each pair it receives."""
    import logging

    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

    # Those of open-compass/opencompass, opencompass/evaluator/math_evaluator.py, MATHVerifyEvaluator.
    normal = replace(
        LatexExtractionConfig().normalization_config,
        **{
            "basic_latex": True,
            "units": True,
            "malformed_operators": False,
            "nits": False,
            "equations": True,
        },
    )
    formula = LatexExtractionConfig(False, 0, normal)
    first = {"extraction_mode": "first_match", "parsing_timeout": None}
    either = {**first, "extraction_config": [LatexExtractionConfig(), ExprExtractionConfig()]}
    announced_only = {**first, "extraction_config": [formula]}
    usual = {"parsing_timeout": None}

    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process even within a long operation in C
    pipe.send("ready")
    while True:
        try:
            gold, answer, announced = pipe.recv()
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            # Its own timeouts are signals and not needed, as the whole process has a limit.
            expected = parse(gold, **(either if announced else usual))
            read = parse(answer, **(announced_only if announced else usual))
            if not expected:  # nothing would equal it, so every answer would be wrong
                raise ValueError(f"the row's own solution can't be parsed: {gold[-80:]!r}")
            same = verify(expected, read, timeout_seconds=None)
            pipe.send((bool(same), str(read[-1]) if read else None))
        except Exception as error:  # sympy may raise anything on odd input
            pipe.send(f"{type(error).__name__}: {error}".splitlines()[0])
        signal.setitimer(signal.ITIMER_PROF, 0)
