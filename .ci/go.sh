# What the scripts share that build programs: a Go that is new enough, and binaries that are built once, outside of the
# clone. It is sourced, with `name` set to what the messages begin with.
#
#   LLM_AUDIT_CACHE   where binaries are kept; default $XDG_CACHE_HOME/llm-audit or ~/.cache/llm-audit

# What the modules ask for, and what is fetched where the installed Go is older.
MIN_GO=1.25
FETCHED_GO=1.26.8

# Prints the path of the binary $2 in the cache's directory $1; where it is not there, `build` makes it first, in $work,
# as $work/$2, and writes what it does to the file that `logged` is given. Two calls at once are safe: the second waits.
cached() {
    command -v flock >/dev/null || fail "flock is missing; it is in Debian's package util-linux"
    local cache=${LLM_AUDIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/llm-audit}
    mkdir -p "$cache"
    cache=$(cd "$cache" && pwd)
    local directory=$cache/$1 binary=$cache/$1/$2
    if [ ! -x "$binary" ]; then
        exec 9>"$directory.lock"
        flock 9
        [ -x "$binary" ] || make_binary "$directory" "$2"
    fi
    echo "$binary"
}

make_binary() {
    local directory=$1 file=$2 started=$SECONDS
    log=$directory.log
    find_tools
    work=$(mktemp -d "$directory.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    : >"$log"
    build
    logged "$work/$file" --version
    mkdir -p "$directory"
    mv "$work/$file" "$directory/$file.new"
    mv "$directory/$file.new" "$directory/$file" # whoever sees the name sees the whole file
    rm -f "$log"
    say "built in $((SECONDS - started)) s"
}

# What `build` needs; who builds without Go says so.
find_tools() { find_go; }

# Puts a Go that is new enough on PATH: the installed one, else one that the installed one fetches as a module.
find_go() {
    export GOTOOLCHAIN=local GOWORK=off
    PATH=$PATH:/usr/local/go/bin
    if ! command -v go >/dev/null; then
        say "Go is missing, installing Debian's"
        { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; } ||
            fail "Go is missing; install any Go, or run as root where apt-get exists"
        install_go || { apt-get -q update && install_go; } >&2 || fail "could not install Debian's golang-go"
    fi
    local installed
    installed=$(go env GOVERSION)
    new_enough "${installed#go}" && return

    say "$installed is older than $MIN_GO, fetching $FETCHED_GO"
    local toolchain root
    toolchain=golang.org/toolchain@v0.0.1-go$FETCHED_GO.$(go env GOOS)-$(go env GOARCH)
    root=$(fetched "$toolchain")
    chmod a+x "$root"/bin/* # modules carry no permissions
    find "$root/pkg/tool" -type f -exec chmod a+x {} +
    unset GOROOT
    PATH=$root/bin:$PATH
    hash -r
    new_enough "$(go env GOVERSION | sed 's/^go//')" || fail "$root/bin/go does not run"
}

install_go() {
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends golang-go >&2
}

new_enough() {
    [ "$(printf '%s\n%s\n' "$MIN_GO" "$1" | sort -V | head -n 1)" = "$MIN_GO" ]
}

# Downloads a module, name@version, and prints its directory.
fetched() {
    local root
    root=$(cd / && go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p') && [ -n "$root" ] ||
        fail "could not fetch $1"
    echo "$root"
}

# Runs a command at low priority with its output in the log, and shows the log's end when it fails.
logged() {
    nice -n 10 "$@" >>"$log" 2>&1 && return
    tail -n 40 "$log" >&2
    fail "this failed: $*; the whole log is $log"
}

say() { echo "$name: $*" >&2; }
fail() { say "error: $*"; exit 1; }
