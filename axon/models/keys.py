"""Every key of a config.json is read, known to change nothing, or refused by name: none is ignored unseen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from axon.models.family import CheckpointError

_BOOKKEEPING = "says how the file came to be"
_TRAINING = "read in training only"
_OUTPUT = "what a forward pass returns beside hidden states"
_GENERATION = "a default of transformers' own generation, which is not used"
_HEADS = "of heads other than the language model's"
_TOKENS = "a special token that is not read here"
_LOADING = "the precision and kernels are the user's choice"

# Transformers writes these into the config of any model.
INERT: dict[str, str] = (
    dict.fromkeys(("_name_or_path", "auto_map", "transformers_version", "_commit_hash"), _BOOKKEEPING)
    | dict.fromkeys(("conditioned", "unsloth_version", "unsloth_fixed"), _BOOKKEEPING)
    | dict.fromkeys(("initializer_range", "attention_dropout", "tie_encoder_decoder"), _TRAINING)
    | dict.fromkeys(("gradient_checkpointing", "output_router_logits", "router_aux_loss_coef"), _TRAINING)
    | dict.fromkeys(("return_dict", "output_hidden_states", "output_attentions", "use_cache"), _OUTPUT)
    | dict.fromkeys(("torch_dtype", "dtype", "_attn_implementation", "attn_implementation"), _LOADING)
    | dict.fromkeys(("torchscript", "use_bfloat16", "tf_legacy_loss", "chunk_size_feed_forward"), _LOADING)
    | dict.fromkeys(("_attn_implementation_autoset", "_attn_implementation_internal"), _LOADING)
    | dict.fromkeys(("bos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id"), _TOKENS)
    | dict.fromkeys(("id2label", "label2id", "problem_type", "finetuning_task"), _HEADS)
    | dict.fromkeys(("task_specific_params", "tokenizer_class", "prefix", "pruned_heads"), _HEADS)
    | dict.fromkeys(("cross_attention_hidden_size", "add_cross_attention", "is_decoder"), _HEADS)
    | dict.fromkeys(("is_encoder_decoder",), _HEADS)
    | dict.fromkeys(
        (
            "max_length",
            "min_length",
            "do_sample",
            "early_stopping",
            "num_beams",
            "num_beam_groups",
            "diversity_penalty",
            "temperature",
            "top_k",
            "top_p",
            "typical_p",
            "repetition_penalty",
            "length_penalty",
            "no_repeat_ngram_size",
            "encoder_no_repeat_ngram_size",
            "bad_words_ids",
            "num_return_sequences",
            "output_scores",
            "return_dict_in_generate",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "remove_invalid_values",
            "exponential_decay_length_penalty",
            "suppress_tokens",
            "begin_suppress_tokens",
        ),
        _GENERATION,
    )
)


class ReadKeys(Mapping[str, Any]):
    """A config that remembers which of its keys were looked at."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self._read.add(key)
        return self._config[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._config)

    def __len__(self) -> int:
        return len(self._config)

    def refuse_absent(self, inert: Collection[str]) -> None:
        """Raise CheckpointError, one line, for keys that the user names and the config doesn't have."""
        if absent := [key for key in inert if key not in self._config]:
            raise CheckpointError(
                f"model.inert_keys=[{','.join(map(str, absent))}]: config.json has no such key; correct it, or leave "
                "it out"
            )

    def refuse_unread(self, inert: Collection[str]) -> None:
        """Raise CheckpointError, one line, for keys that were neither read nor are known to change nothing."""
        unknown = [
            key for key in self._config if key not in self._read and key not in INERT and key not in inert
        ]
        if unknown:
            values = ", ".join(f"{key}={self._config[key]!r}"[:80] for key in unknown)
            raise CheckpointError(
                f"config.json: {values}: unknown here, so what it changes is not computed; if it changes nothing, "
                f"give model.inert_keys=[{','.join(unknown)}], else use a checkpoint without it"
            )
