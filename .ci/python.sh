# What the scripts share that take Python packages: those of a requirements file, or one package with a program in it,
# installed once, outside of the clone. It is sourced, with `name` set to what the messages begin with.
#
#   LLM_AUDIT_CACHE   where packages are kept; default $XDG_CACHE_HOME/llm-audit or ~/.cache/llm-audit

# Puts the packages of a requirements file on PYTHONPATH.
packages() {
    installed "python-$(sha256sum "$1" | cut -c1-16)" --requirement "$1"
    export PYTHONPATH=$directory PYTHONDONTWRITEBYTECODE=1
}

# Sets `directory` to where the package $1 stands in the version $2; `runs` is given it first, and says whether it works.
package() {
    installed "$1-$2" "$1==$2"
}

runs() { :; }

# Installs under a name what the other arguments ask pip for, where it is not there. Two calls at once are safe: the second
# waits. Whoever sees the directory sees all of it.
installed() {
    command -v python3 >/dev/null || fail "python3 is missing"
    command -v flock >/dev/null || fail "flock is missing; it is in Debian's package util-linux"
    local cache=${LLM_AUDIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/llm-audit}
    mkdir -p "$cache"
    directory=$(cd "$cache" && pwd)/$1-python$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ ! -d "$directory" ]; then
        exec 9>"$directory.lock"
        flock 9
        [ -d "$directory" ] || install "$directory" "${@:2}"
        exec 9>&-
    fi
}

install() {
    local new=$1.new
    say "installing ${*:2}"
    python3 -m pip --version >/dev/null 2>&1 || install_pip
    rm -rf "$new"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps \
        --target "$new" "${@:2}" >&2
    runs "$new" >&2 || fail "${*:2} is installed and does not run"
    mv "$new" "$1"
}

install_pip() {
    { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; } || fail "pip is missing"
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends python3-pip; } >&2
}

say() { echo "$name: $*" >&2; }
fail() { say "error: $*"; exit 1; }
