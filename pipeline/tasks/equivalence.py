"""Whether two mathematical expressions are equal, by math-verify, in a separate process because sympy can hang.

The process is kept for later comparisons, killed if one takes too long, and started again when needed.
"""

from __future__ import annotations

import atexit
import multiprocessing
import threading
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

SECONDS = 10.0  # for one comparison, including the parsing of both sides
ORPHAN_SECONDS = 12.0  # after which the process ends itself, in case the one that asked was killed
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

        Raises TimeoutError if the comparison takes too long, RuntimeError if it fails.
        """
        with self._lock:
            return self._compared(gold, answer, announced)

    def _compared(self, gold: str, answer: str, announced: bool) -> Match:
        pipe = self._ready()
        pipe.send((gold, answer, announced))
        try:
            if not pipe.poll(SECONDS):
                raise TimeoutError(f"the comparison took more than {SECONDS:g} s")
            found: Match | str = pipe.recv()
        except (TimeoutError, EOFError, OSError) as error:
            self.close()
            raise error if isinstance(error, TimeoutError) else RuntimeError("the comparison died") from error
        if isinstance(found, str):
            raise RuntimeError(found)
        return found

    def close(self) -> None:
        """Ends the process; the next comparison starts another."""
        if self._process is not None and self._pipe is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = None

    def _ready(self) -> Connection:
        if self._pipe is None or self._process is None or not self._process.is_alive():
            self.close()
            context = multiprocessing.get_context(
                "spawn"
            )  # a fork would copy torch's locks without its threads
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
            if not self._pipe.poll(START_SECONDS):
                self.close()
                raise TimeoutError(f"math-verify was not imported within {START_SECONDS:g} s")
            self._pipe.recv()
        return self._pipe


def _serve(pipe: Connection) -> None:
    """The process: says when it is ready, then compares each pair it receives."""
    import logging
    import signal

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
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process even within a long operation in C
    pipe.send("ready")
    while True:
        try:
            gold, answer, announced = pipe.recv()
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, ORPHAN_SECONDS)
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
        signal.setitimer(signal.ITIMER_REAL, 0)
