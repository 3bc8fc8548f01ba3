# What .ci/sigma and .ci/schemas share: Python packages of a requirements file, installed once, outside of the clone. It is
# sourced, with `name` set to what the messages begin with.
#
#   LLM_AUDIT_CACHE   where packages are kept; default $XDG_CACHE_HOME/llm-audit or ~/.cache/llm-audit

# Puts the packages of a requirements file on PYTHONPATH; installs them first where they are not there. Two calls at once
# are safe: the second waits.
packages() {
    command -v python3 >/dev/null || fail "python3 is missing"
    command -v flock >/dev/null || fail "flock is missing; it is in Debian's package util-linux"
    local cache=${LLM_AUDIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/llm-audit} directory version
    version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    mkdir -p "$cache"
    directory=$(cd "$cache" && pwd)/python-$version-$(sha256sum "$1" | cut -c1-16)
    if [ ! -d "$directory" ]; then
        exec 9>"$directory.lock"
        flock 9
        [ -d "$directory" ] || install "$1" "$directory"
        exec 9>&-
    fi
    export PYTHONPATH=$directory PYTHONDONTWRITEBYTECODE=1
}

install() {
    say "installing $1"
    python3 -m pip --version >/dev/null 2>&1 || install_pip
    rm -rf "$2.new"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps \
        --target "$2.new" --requirement "$1" >&2
    mv "$2.new" "$2"
}

install_pip() {
    { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; } || fail "pip is missing"
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends python3-pip; } >&2
}

say() { echo "$name: $*" >&2; }
fail() { say "error: $*"; exit 1; }
