"""Settings of the sampler and of AXON: frozen, checked when made, every one named in docs/method.md.

A wrong value raises ValueError with one line: the key and value, the rule, the remedy. Nothing here imports torch, so
that a wrong value is found at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

from axon.checks import check_choice, check_made, check_not_async, check_range, check_whole, is_number
from axon.chosen_rules import chosen_rules
from axon.decoders import Confidence, Decoder, DecoderSettings
from axon.decoders.base import METHODS
from axon.layers import check_layer_spec
from axon.own_rules import OwnRules
from axon.python_values import PythonValues
from axon.sinks import SinkThreshold, check_sink_threshold

EndOfText = Literal["full", "stop_at_eos", "confidence_eos_eot_inf", "logits_eos_inf"]
BlockAlignment = Literal["prompt", "absolute"]
SinkRows = Literal["canvas", "visible"]
Cache = Literal["none", "block", "prefix", "dual"]
BudgetCounts = Literal["interventions", "steps"]

BLOCK_LENGTH = (
    32  # where neither the settings nor the model name one: that of LLaDA's, Dream's and AXON's evaluations
)
LEAST_TEMPERATURE = 1e-9  # above 0

_COUNTS = (
    "anchors",
    "max_anchor_steps",
    "target_nfe",
    "min_candidates",
    "max_candidates",
    "min_anchors",
    "warmup",
)


@dataclass(frozen=True)
class AxonSettings(metaclass=PythonValues):
    """When AXON intervenes, and with which anchors. `gate="never"` is the base decoder alone.

    The defaults are those published for LLaDA and Dream; for SDAR they are attention_layers="all",
    min_candidates=16, max_candidates=64, candidate_ratio=0.25 (docs/method.md, section 3).
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    gate: str = "coverage_gap"  # one of GATES (axon/gates.py), or a rule of a package's
    policy: str = "fixed"  # one of POLICIES (axon/policies.py), or a rule of a package's
    anchors: int = 1  # k of policy `fixed`
    max_anchor_steps: int = 1  # per block
    budget_counts: BudgetCounts = (
        "interventions"  # what max_anchor_steps limits; or the steps of a block, from its first
    )
    uncertainty_threshold: float = 0.0  # less uncertain positions need no support; 0 is the paper's rule
    attention_layers: str = "last 4"  # layers that attention is averaged over, for decoders that read it, too
    tau_sink: SinkThreshold = 0.01  # a column with a higher mean is a sink; or "4x", see sinks.py
    target_nfe: int = 16  # T, the steps per block that `progress_stall` and `unified` expect
    beta_r: float = 1.0  # the share of the progress that `coverage_gap` asks coverage to reach
    beta_u: float = 1.0  # and of the uncertainty of what stays masked
    min_candidates: int = 32  # the most confident masked positions of the block: at least so many,
    max_candidates: int = 32  # at most so many, and never more than there are;
    candidate_ratio: float = 1.0  # between the two this share of them
    min_anchors: int = 1  # of a step, whatever the policy, as long as there are candidates
    objective: Literal["facility_location", "graph_cut"] = "facility_location"  # what anchors maximise
    combine: Literal["replace", "union"] = "replace"  # anchors alone, or beside what the decoder proposes
    conflict_threshold: float = 0.08  # of policy `conflict_averse`: candidates with more conflict are barred
    alpha: float = 0.5  # of gate `cp_alpha`
    warmup: int = 256  # gate checks of a sample before `adaptive_coverage` locks
    # By name the gates and policies of packages (axon/own_rules.py), or the settings that an installed one is made
    # with; made here, and those that are named and not given are added at their defaults.
    own: Mapping[str, Any] = field(default_factory=OwnRules)

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", chosen_rules(self.gate, self.policy, self.own))
        check_choice("axon.objective", self.objective, Literal["facility_location", "graph_cut"])
        check_choice("axon.combine", self.combine, Literal["replace", "union"])
        check_choice("axon.budget_counts", self.budget_counts, BudgetCounts)
        check_layer_spec(self.attention_layers)
        for name in _COUNTS:
            check_whole(f"axon.{name}", getattr(self, name), 1)
        if self.min_candidates > self.max_candidates:
            raise ValueError(
                f"axon.min_candidates={self.min_candidates}: must be at most "
                f"max_candidates={self.max_candidates}; lower it"
            )
        check_sink_threshold("axon.tau_sink", self.tau_sink)
        for name in ("uncertainty_threshold", "conflict_threshold", "alpha", "candidate_ratio"):
            check_range(f"axon.{name}", getattr(self, name), 0.0, 1.0)
        for name in ("beta_r", "beta_u"):
            check_range(f"axon.{name}", getattr(self, name), 0.0, float("inf"))


@dataclass(frozen=True)
class DecodeSettings(metaclass=PythonValues):
    """Everything that moves a token, the model and the prompts apart.

    block_length: None is the model's own block size, BLOCK_LENGTH where it names none; `for_model` puts the number in.
    block_alignment: blocks follow the `prompt`, as in AXON's release, or lie at multiples of block_length from
    position 0 (`absolute`, as SDAR's and LLaDA2's), so that the prompt's remainder shares the first block.
    sink_rows: the rows over which a column's mean attention is taken: the whole `canvas`, or those `visible` to the
    current block, up to its end.
    end_of_text: `full` decodes the whole canvas, as the papers do. Under `stop_at_eos` a row ends as soon as
    everything up to its first end-of-text is final: same text, fewer steps. The other two are flags of LLaDA's
    generate.py: confidence is minus infinity where an end of the text or of a turn is the likeliest token
    (`confidence_eos_eot_inf`), or end-of-text is never chosen (`logits_eos_inf`).
    top_p: tokens are sampled among the likeliest that together have this probability, as by Dream's sampler.
    cache: `none` computes the whole canvas in every pass; `block`, for block-causal models, the current block alone,
    against the stored keys and values of what lies before it. `prefix` and `dual`, for the others, are Fast-dLLM's,
    and approximate: a block's first pass computes the whole canvas, its later ones what does not lie before the block,
    or the block alone, against keys and values of the first pass.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    gen_length: int = 256
    block_length: int | None = None
    temperature: float = 0.0
    end_of_text: EndOfText = "full"
    block_alignment: BlockAlignment = "prompt"
    sink_rows: SinkRows = "canvas"
    top_p: float | None = None
    cache: Cache = "none"
    # The metadata is for pydantic, where it reads these settings: `name` decides which decoder is meant.
    decoder: DecoderSettings = field(default_factory=Confidence, metadata={"discriminator": "name"})
    axon: AxonSettings = field(default_factory=AxonSettings)

    def __post_init__(self) -> None:
        check_made("decoder", self.decoder, Decoder, "Confidence(threshold=0.9)")
        for name in METHODS:
            check_not_async(f"decoder.{name}", getattr(self.decoder, name))
        check_made("axon", self.axon, AxonSettings, 'AxonSettings(gate="never")')
        check_choice("end_of_text", self.end_of_text, EndOfText)
        if self.end_of_text == "confidence_eos_eot_inf" and not self.decoder.reads_confidence:
            raise ValueError(
                f"end_of_text='confidence_eos_eot_inf': holds confidence back, and decoder {self.decoder.name} as set "
                "does not read it; choose another rule or another decoder"
            )
        check_choice("block_alignment", self.block_alignment, BlockAlignment)
        check_choice("sink_rows", self.sink_rows, SinkRows)
        check_whole("gen_length", self.gen_length, 1)
        check_range("temperature", self.temperature, 0.0, float("inf"))
        if (
            0 < self.temperature < LEAST_TEMPERATURE
        ):  # the noise would drown in the rounding of logits / temperature
            raise ValueError(
                f"temperature={self.temperature!r}: must be 0, which is greedy, or at least {LEAST_TEMPERATURE:g}; "
                "choose one of them"
            )
        self._check_top_p()
        self._check_cache()
        if self.block_length is not None:
            check_whole("block_length", self.block_length, 1)
            if self.gen_length % self.block_length:
                raise ValueError(
                    f"block_length={self.block_length}: must divide gen_length={self.gen_length}; change one of them"
                )
            self.decoder.check(self.gen_length, self.block_length)

    def _check_top_p(self) -> None:
        if self.top_p is None:
            return
        if self.temperature == 0:
            raise ValueError(
                f"top_p={self.top_p}: limits sampling, and temperature=0 samples nothing; choose null, or a "
                "temperature above 0"
            )
        if not is_number(self.top_p) or not 0 < self.top_p <= 1:  # not NaN either
            raise ValueError(
                f"top_p={self.top_p!r}: must be above 0 and at most 1; choose such a value, or null"
            )

    def _check_cache(self) -> None:
        check_choice("cache", self.cache, Cache)
        if self.cache in ("block", "dual") and self.decoder.reads_later_blocks:
            raise ValueError(
                f"cache={self.cache!r}: its passes compute the current block alone, and decoder {self.decoder.name} "
                f"compares what they find in later ones; use {'prefix, ' if self.cache == 'dual' else ''}none or "
                "another decoder"
            )
        if self.cache != "none" and self.decoder.needs_shadow:
            raise ValueError(
                f"cache={self.cache!r}: decoder {self.decoder.name} reads a shadow of its block, which has to see "
                "all of the canvas as it is now; use none or another decoder"
            )
        if self.cache != "none" and self.decoder.branches > 1:
            raise ValueError(
                f"cache={self.cache!r}: decoder {self.decoder.name} computes {self.decoder.branches} canvases a pass, "
                "and a cache keeps one; use none, decoder.branches=1 or another decoder"
            )
        if self.cache == "block" and self.seeks_sinks and self.sink_rows != "visible":
            raise ValueError(
                f"cache={self.cache!r}: a cached pass has no rows of later blocks to find attention sinks by; "
                "with a block-causal model set sink_rows=visible, with any other cache=prefix, dual or none"
            )

    @property
    def reads_attention(self) -> bool:
        """Whether the decoder or AXON reads attention."""
        return self.decoder.needs_attention or self.axon.gate != "never"

    @property
    def seeks_sinks(self) -> bool:
        """Whether the decoder or AXON looks for sinks in it."""
        return self.decoder.seeks_sinks or self.axon.gate != "never"

    @property
    def block(self) -> int:
        """K, the positions of a block, once it is known."""
        assert self.block_length is not None, "settings are given their block length by `for_model`"
        return self.block_length

    def most_steps(self, all_open: bool) -> int:
        """Steps that a block can take; `all_open`: whatever is masked in it can be revealed in every step."""
        delays = 0 if self.axon.gate == "never" else self.axon.max_anchor_steps
        return self.decoder.most_steps(self.gen_length, self.block, delays, all_open)

    def longest_prompt(self, max_length: int) -> int:
        """The most tokens of a prompt after which an answer fits into `max_length`; below 1 where none does."""
        whole = max_length - max_length % self.block if self.block_alignment == "absolute" else max_length
        return whole - self.gen_length

    def for_model(self, block_size: int | None) -> Self:
        """These settings with a number as block length: a model whose config names `block_size` decodes by it.

        Raises ValueError where that does not divide gen_length.
        """
        if self.block_length is not None:
            return self
        block = block_size or BLOCK_LENGTH
        if self.gen_length % block:
            owner = "the model's own block size" if block_size else "without a block size of the model,"
            raise ValueError(
                f"block_length=null: {owner} {block} must divide gen_length={self.gen_length}; change gen_length, or "
                "give block_length a number"
            )
        return replace(self, block_length=block)


def check_ends(settings: DecodeSettings, eos_ids: Sequence[int], end_ids: Sequence[int]) -> None:
    """Raise ValueError where the settings ask for an end-of-text and the checkpoint names none.

    `end_ids` are `eos_ids` and the tokens that end a turn.
    """
    asked = eos_ids if settings.end_of_text == "logits_eos_inf" else end_ids
    if settings.end_of_text != "full" and not asked:
        raise ValueError(
            f"end_of_text={settings.end_of_text!r}: the checkpoint's config names no eos_token_id; use full"
        )


def check_cache(settings: DecodeSettings, block_causal: bool) -> None:
    """Raise ValueError where the settings ask for a cache that does not suit such a model."""
    if settings.cache == "block" and not block_causal:
        raise ValueError(
            "cache='block': needs a block-causal model, in which no finished block sees a later one; use cache=none, "
            "or prefix or dual, which approximate"
        )
    if settings.cache in ("prefix", "dual") and block_causal:
        raise ValueError(
            f"cache={settings.cache!r}: approximates a model that attends in both directions, and this one is "
            "block-causal; use cache=block, which is exact"
        )


def check_shadow(settings: DecodeSettings, shifted: bool) -> None:
    """Raise ValueError where the decoder needs shadows and such a model has none."""
    if settings.decoder.needs_shadow and shifted:
        raise ValueError(
            f"decoder.name={settings.decoder.name!r}: reads a shadow of its block, which predicts tokens in place, and "
            "this model predicts each from the position before it; use another decoder or another model"
        )
