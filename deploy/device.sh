#!/bin/bash
# benchmarks/gpu.py on a lent GPU machine that has PyTorch but no network. From the repository:
#   bash deploy/device.sh pack   # here: .carry/ with the recorded decodes and the wheels that its Python lacks
#   bash deploy/device.sh run    # there, with .carry/ copied beside the checkout's files
# Words after `run` go to gpu.py. The output is also written to $OUT/gpu.log as it comes (without OUT: /tmp/gpu.log).
set -euo pipefail
cd "$(dirname "$0")/.."

# The machine's transformers (5.17) is older than pyproject.toml allows, and it has no pydantic. Its huggingface_hub
# (1.33) is too, but newer ones need more that is missing there, and transformers takes it: gpu.py downloads nothing.
wheels=(transformers pydantic pydantic_core annotated-types typing-inspection typing_extensions)
limit=$((48 * 1024))  # KiB; with the checkout, 64 MiB travel

pack() {
    rm -rf .carry && mkdir -p .carry/wheels
    cp -rL ../shared/golden .carry/golden && chmod -R u+w .carry/golden
    local platforms=() each size
    for each in manylinux_2_28 manylinux_2_17 manylinux2014; do platforms+=(--platform "${each}_x86_64"); done
    for each in "${wheels[@]}"; do
        "${PYTHON:-python3}" -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 \
            --implementation cp "${platforms[@]}" -d .carry/wheels "$(grep -i "^${each//[-_]/[-_]}==" constraints.txt)"
    done
    size=$(du -sk .carry | cut -f1)
    echo ".carry: $size KiB"
    [ "$size" -lt "$limit" ] || { echo ".carry is over $limit KiB: drop a wheel" >&2; exit 1; }
}

run() {
    [ -d .carry/golden ] || { echo ".carry/golden is missing: run 'deploy/device.sh pack' first and carry .carry" >&2; exit 2; }
    python3 -m pip install -q --no-index --no-deps --no-cache-dir --upgrade --target /tmp/site .carry/wheels/*.whl
    export PYTHONPATH=/tmp/site:$PWD PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
    # All but `workers`: Ray is too large to be carried.
    local words=(--golden "$PWD/.carry/golden" --seconds 540 --sections verify speed cost waits compiled memory batching)
    python3 benchmarks/gpu.py "${words[@]}" "$@" 2>&1 | tee "${OUT:-/tmp}/gpu.log"
}

case "${1:-}" in
    pack) pack ;;
    run) shift && run "$@" ;;
    *) echo "deploy/device.sh pack | run [words for benchmarks/gpu.py]" >&2; exit 2 ;;
esac
