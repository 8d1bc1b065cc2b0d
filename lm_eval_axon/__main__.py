"""lm-eval's command line with the model `axon` registered; takes the arguments of `lm_eval`."""

from __future__ import annotations

import sys
import traceback

from axon.own_code import WRONG_INPUT, faulty_files_told

with faulty_files_told():
    from lm_eval.__main__ import cli_evaluate
    from lm_eval.api.registry import model_registry

OURS = ("axon", "lm_eval_axon")  # packages


def main() -> None:
    """Hands over to lm-eval, which imports the model only if it is requested. Exit code 2 for wrong arguments of it."""
    model_registry.register("axon", target="lm_eval_axon.model:AxonLM")
    try:
        with faulty_files_told():
            cli_evaluate()
    except ValueError as error:
        if not _ours(error):
            raise
        print(error, file=sys.stderr)
        sys.exit(WRONG_INPUT)


def _ours(error: Exception) -> bool:
    """Whether it was raised here, with a line for the user; lm-eval's own errors need their traceback."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).partition(".")[0] in OURS


if __name__ == "__main__":
    main()
