"""Measure the bundled model and write its card: `python assets/tiny/card.py` (about ten minutes on two cores).

On 500 unseen examples of each task: accuracy and number of steps at one token per step and for several confidence
thresholds. The numbers go into README.md beside this file, with a plot of the training loss.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from rich.progress import track
from transformers import PreTrainedTokenizerBase

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from assets.tiny.batches import CANVASES, Canvas  # noqa: E402
from axon import (  # noqa: E402
    AxonSettings,
    Confidence,
    DecoderSettings,
    DecodeSettings,
    FixedSteps,
    MaskedDiffusionModel,
    decode,
    load_model,
    load_tokenizer,
)

THRESHOLDS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
MEASURED = ("<!-- measured: rewritten by card.py -->", "<!-- end of measured -->")


@dataclass(frozen=True)
class Figure:
    """One decoder on one task: accuracy in [0, 1] and mean number of steps."""

    accuracy: float
    nfe: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="examples of each task (default 500)")
    parser.add_argument(
        "--checkpoint", type=Path, default=HERE, help="checkpoint folder to measure (default: this one)"
    )
    parser.add_argument("--print-only", action="store_true", help="print the numbers without writing them")
    chosen = parser.parse_args()
    model, tokenizer = load_model(chosen.checkpoint), load_tokenizer(chosen.checkpoint)
    decoders: list[DecoderSettings] = [FixedSteps(), *(Confidence(threshold=t) for t in THRESHOLDS)]
    work = [(canvas, decoder) for canvas in CANVASES for decoder in decoders]
    figures = {
        (canvas.task.name, decoder): measure(model, tokenizer, canvas, decoder, chosen.count)
        for canvas, decoder in track(work, description="measuring")
    }
    text = _table(figures, chosen.count)
    print(text)
    if not chosen.print_only:
        _draw_loss(HERE / "loss.csv", HERE / "loss.png")
        card = HERE / "README.md"
        before, rest = card.read_text().split(MEASURED[0])
        after = rest.split(MEASURED[1])[1]
        card.write_text(f"{before}{MEASURED[0]}\n{text}\n{MEASURED[1]}{after}")


def measure(
    model: MaskedDiffusionModel,
    tokenizer: PreTrainedTokenizerBase,
    canvas: Canvas,
    decoder: DecoderSettings,
    count: int,
) -> Figure:
    """Decodes and scores the first ``count`` test examples with the base decoder alone."""
    examples = canvas.task.examples("test", 0, count)
    prompts = [tokenizer(e.prompt, add_special_tokens=False)["input_ids"] for e in examples]
    settings = DecodeSettings(
        gen_length=canvas.answer,
        block_length=canvas.block,
        decoder=decoder,
        axon=AxonSettings(gate="never"),
    )
    traces = decode(model, prompts, settings, batch_size=64)
    scores = []
    for example, trace in zip(examples, traces, strict=True):
        answer = str(tokenizer.decode(list(trace.tokens[: trace.tokens_to_eos(model.end_token_ids)])))
        scores.append(canvas.task.score(answer, example).value)
    return Figure(sum(scores) / count, sum(trace.nfe for trace in traces) / count)


def _table(figures: dict[tuple[str, DecoderSettings], Figure], count: int) -> str:
    tasks = [canvas.task.name for canvas in CANVASES]
    lines = [
        f"Accuracy and mean number of steps (NFE) on {count} unseen examples of each task, base decoder alone:",
        "",
        "| decoder | " + " | ".join(f"{task} accuracy | NFE" for task in tasks) + " |",
        "| --- |" + " ---: | ---: |" * len(tasks),
    ]
    for decoder in dict.fromkeys(decoder for _, decoder in figures):
        name = f"threshold {decoder.threshold}" if isinstance(decoder, Confidence) else "one token per step"
        row = [figures[task, decoder] for task in tasks]
        cells = " | ".join(f"{100 * figure.accuracy:.1f} % | {figure.nfe:.2f}" for figure in row)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def _draw_loss(history: Path, picture: Path) -> None:
    """The training loss of each task."""
    matplotlib.use("Agg")
    with history.open() as stream:
        rows = list(csv.DictReader(stream))
    steps = [int(row["step"]) for row in rows]
    figure, axes = pyplot.subplots(figsize=(8, 4))
    for name in (canvas.task.name for canvas in CANVASES):
        axes.plot(steps, [float(row[name]) for row in rows], label=name, linewidth=1)
    axes.set(
        xlabel="training step", ylabel="loss (nats per canvas token)", yscale="log", title="Bundled model"
    )
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
