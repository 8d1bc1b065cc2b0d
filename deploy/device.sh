#!/bin/bash
# benchmarks/gpu.py on a lent GPU machine that has PyTorch for Python 3.12 but no network. From the repository:
#   bash deploy/device.sh pack     # here: .carry/ with the recorded decodes and the packages that the machine lacks
#   bash deploy/device.sh unpack   # there, where .carry/ has come along with the checkout: the packages to .carry/site,
#                                  # with which PYTHONPATH=.carry/site:. python3 launch.py ... runs, too
#   bash deploy/device.sh run      # there: unpacks if need be, and runs gpu.py
# Words after `run` go to gpu.py. What it prints is also written to $OUT/gpu.log as it comes (without OUT: /tmp/gpu.log).
set -euo pipefail
cd "$(dirname "$0")/.."

# Its transformers (5.17) is older than pyproject.toml allows. So is its huggingface_hub (1.33), but newer ones need
# more that is missing there, and transformers takes it: nothing is downloaded.
packages=(transformers pydantic pydantic_core annotated-types typing-inspection typing_extensions)
packages+=(hydra-core omegaconf plotly datasets dill multiprocess math-verify latex2sympy2_extended)
packages+=(ray jsonschema jsonschema-specifications referencing rpds-py tensorboardX)
# What of Ray no sweep needs: with it the whole would not fit into what may be carried (64 MiB, the checkout included).
unused=(jars rllib serve llm dashboard/client)
needed=(torch transformers safetensors pydantic jinja2 pytest hypothesis ray hydra datasets pandas scipy matplotlib rich)
site=$PWD/.carry/site

pack() {
    rm -rf .carry && mkdir -p .carry
    cp -rL ../shared/golden .carry/golden && chmod -R u+w .carry/golden
    local pins=() each work
    work=$(mktemp -d)
    for each in "${packages[@]}"; do pins+=("$(grep -i "^${each//[-_]/[-_]}==" constraints.txt)"); done
    "${PYTHON:-python3}" -m pip install -q --no-deps --no-compile --only-binary=:all: --python-version 3.12 \
        --implementation cp --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
        --target "$work/site" "${pins[@]}"
    # Hydra's has no wheel, but is Python alone.
    "${PYTHON:-python3}" -m pip install -q --no-deps --no-compile --target "$work/antlr" \
        "$(grep antlr4-python3-runtime== constraints.txt)"
    cp -r "$work"/antlr/* "$work/site"
    for each in "${unused[@]}"; do rm -rf "$work/site/ray/$each"; done
    tar c -C "$work/site" . | xz -T0 -6 > .carry/site.tar.xz
    rm -rf "$work"
    du -sh .carry
}

unpack() {
    [ -d .carry/golden ] || { echo ".carry is missing: run 'bash deploy/device.sh pack' and carry .carry" >&2; exit 2; }
    mkdir -p "$site.new" && tar xf .carry/site.tar.xz -C "$site.new" && mv "$site.new" "$site"
}

run() {
    [ -d "$site" ] || unpack
    export PYTHONPATH=$site:$PWD PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
    python3 - "${needed[@]}" <<'EOF'
import importlib.util, sys
missing = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
sys.exit(f"this machine's python3 lacks {', '.join(missing)}: add to `packages` in deploy/device.sh" if missing else 0)
EOF
    local words=(--golden "$PWD/.carry/golden" --seconds 520)
    python3 benchmarks/gpu.py "${words[@]}" "$@" 2>&1 | tee "${OUT:-/tmp}/gpu.log"
}

case "${1:-}" in
    pack) pack ;;
    unpack) unpack ;;
    run) shift && run "$@" ;;
    *) echo "usage: bash deploy/device.sh pack | unpack | run [words for benchmarks/gpu.py]" >&2; exit 2 ;;
esac
