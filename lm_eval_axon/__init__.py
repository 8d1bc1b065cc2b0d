"""The model `axon` for lm-eval: masked diffusion models on lm-eval's tasks (pip install .[lm-eval]).

    python -m lm_eval_axon --model axon --model_args pretrained=FOLDER,decoder=dawn,axon=coverage_gap --tasks gsm8k

is lm-eval's own command with one more model, since lm-eval up to 0.4.13 knows only its own models. Later versions look
up the entry point `lm_eval.models`, which names this one; there, plain `lm_eval --model axon` is enough.
"""
