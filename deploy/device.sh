#!/bin/bash
# benchmarks/gpu.py on a lent GPU machine that has PyTorch for Python 3.12 but no network. From the repository:
#   bash deploy/device.sh pack   # here: .carry/ with the recorded decodes and the wheels that the machine lacks
#   bash deploy/device.sh run    # there, where .carry/ has come along with the checkout
# Words after `run` go to gpu.py. What it prints is also written to $OUT/gpu.log as it comes (without OUT: /tmp/gpu.log).
set -euo pipefail
cd "$(dirname "$0")/.."

# Its transformers (5.17) is older than pyproject.toml allows, and it has no pydantic. Its huggingface_hub (1.33) is
# too old as well, but newer ones need more that is missing there, and transformers takes it: nothing is downloaded.
wheels=(transformers pydantic pydantic_core annotated-types typing-inspection typing_extensions)
needed=(torch transformers safetensors pydantic jinja2 pytest hypothesis)

pack() {
    rm -rf .carry && mkdir -p .carry/wheels
    cp -rL ../shared/golden .carry/golden && chmod -R u+w .carry/golden
    local pins=() each
    for each in "${wheels[@]}"; do pins+=("$(grep -i "^${each//[-_]/[-_]}==" constraints.txt)"); done
    "${PYTHON:-python3}" -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
        --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -d .carry/wheels "${pins[@]}"
    du -sh .carry
}

run() {
    [ -d .carry/golden ] || { echo ".carry is missing: run 'bash deploy/device.sh pack' and carry .carry" >&2; exit 2; }
    local site
    site=$(mktemp -d)
    python3 -m pip install -q --no-index --no-deps --no-cache-dir --upgrade --target "$site" .carry/wheels/*.whl
    export PYTHONPATH=$site:$PWD PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
    python3 - "${needed[@]}" <<'END'
import importlib.util, sys
missing = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
sys.exit(f"this machine's python3 lacks {', '.join(missing)}: add to `wheels` in deploy/device.sh" if missing else 0)
END
    # All but `workers`: Ray is too large to be carried.
    local words=(--golden "$PWD/.carry/golden" --seconds 520)
    words+=(--sections verify laws speed cost waits compiled memory batching)
    python3 benchmarks/gpu.py "${words[@]}" "$@" 2>&1 | tee "${OUT:-/tmp}/gpu.log"
}

case "${1:-}" in
    pack) pack ;;
    run) shift && run "$@" ;;
    *) echo "usage: bash deploy/device.sh pack | run [words for benchmarks/gpu.py]" >&2; exit 2 ;;
esac
