"""lm-eval's command line with the model `axon` registered; takes the arguments of `lm_eval`."""

from __future__ import annotations

from lm_eval.__main__ import cli_evaluate
from lm_eval.api.registry import model_registry


def main() -> None:
    """Hands over to lm-eval, which imports the model only if it is requested."""
    model_registry.register("axon", target="lm_eval_axon.model:AxonLM")
    cli_evaluate()


if __name__ == "__main__":
    main()
