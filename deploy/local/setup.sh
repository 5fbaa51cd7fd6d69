#!/usr/bin/env bash
# Installs what the lock names into .venv and the workspace's packages on top; does nothing when nothing has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
python="${PYTHON:-$(command -v python3.11 || command -v python3 || true)}"
[ -n "$python" ] || { echo "Python 3.11 or newer is needed; on Debian 12: apt-get install python3 python3-pip python3-venv" >&2; exit 1; }

mapfile -t members < <(find libs services deploy/local -mindepth 0 -maxdepth 2 -name pyproject.toml -printf '%h\n' | sort)
stamp=.local/setup.stamp
wanted="$(
    { pwd; "$python" --version; sha256sum pyproject.toml requirements.lock deploy/local/tools.lock "${members[@]/%//pyproject.toml}"; } | sha256sum
)"
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$python is older than Python 3.11" >&2; exit 1; }
mkdir -p .local
# Two `make` runs at once must not install into one folder.
exec 9> .local/setup.lock
flock 9

uv=.local/tools/bin/uv
tools="$(sha256sum deploy/local/tools.lock)"
if [ ! -x "$uv" ] || [ ! -f .local/tools/stamp ] || [ "$(cat .local/tools/stamp)" != "$tools" ]; then
    # Without ensurepip (Debian's python3 lacks it unless python3-venv is there) pip alone can fill a folder.
    "$python" -m pip install -q --disable-pip-version-check --root-user-action ignore --upgrade --require-hashes --target .local/tools -r deploy/local/tools.lock
    echo "$tools" > .local/tools/stamp
fi

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    "$uv" venv -q --clear --python "$python" .venv
fi
"$uv" pip sync -q --python .venv --require-hashes requirements.lock
"$uv" pip install -q --python .venv --no-deps --no-build-isolation "${members[@]/#/-e}"
"$uv" pip check -q --python .venv
echo "$wanted" > "$stamp"
