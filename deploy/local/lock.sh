#!/usr/bin/env bash
# Writes requirements.lock and deploy/local/tools.lock anew: every version with its hashes, for every platform, without an address.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export UV_PYTHON_DOWNLOADS=never
uv=.local/tools/bin/uv
if [ ! -x "$uv" ]; then
    "${PYTHON:-python3}" -m pip install -q --disable-pip-version-check --root-user-action ignore --target .local/tools uv
fi
mapfile -t members < <(find libs services deploy/local -mindepth 0 -maxdepth 2 -name pyproject.toml | sort)
own=()
for member in "${members[@]}"; do
    own+=(--no-emit-package "$(sed -n 's/^name = "\(.*\)"$/\1/p' "$member" | head -1)")
done
options=(-q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock")
"$uv" pip compile "${options[@]}" "${own[@]}" ${UPGRADE:+--upgrade} --group pyproject.toml:dev requirements.in "${members[@]}" -o requirements.lock
echo uv | "$uv" pip compile "${options[@]}" ${UPGRADE:+--upgrade} - -o deploy/local/tools.lock > /dev/null
if grep -nE '[a-z]+://' requirements.lock deploy/local/tools.lock; then
    echo "A lock holds an address." >&2
    exit 1
fi
