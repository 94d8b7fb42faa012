# SPDX-License-Identifier: Apache-2.0
# Shared by ./demo and ./check: system packages, virtual environments, the Python package.
# Sourced from the project's root with `set -euo pipefail`.

# The compiler cache works across checkouts and build folders.
export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1

say() { printf '== %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "installing system packages needs root or sudo: $*"
  fi
}

# install_system_packages [use]: what packages.txt names and the machine lacks, with "use" without
# what tests alone need; says what; nothing when all is there.
install_system_packages() {
  local wanted missing
  wanted=$(cat packages.txt)
  if [ "${1:-}" = use ]; then wanted=$(sed '/^# Tests/,$d' packages.txt); fi
  wanted=$(sed 's/#.*//' <<<"$wanted" | xargs)
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian system; these packages (or their equivalents) are needed: $wanted"
    return
  fi
  # shellcheck disable=SC2086
  missing=$(comm -23 <(printf '%s\n' $wanted | sort) \
    <(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" {print $2}' | sort) |
    xargs)
  [ -n "$missing" ] || return 0
  say "installing system packages: $missing"
  as_root apt-get update -qq
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    $missing >/dev/null
}

# make_venv FOLDER: a virtual environment of Python 3.10 or newer.
make_venv() {
  [ -x "$1/bin/python" ] && return
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    die "Python 3.10 or newer is needed (found $(python3 --version 2>&1))"
  say "making the virtual environment $1"
  python3 -m venv "$1" || die "could not make the virtual environment $1"
}

# What the installed package is made from: changes whenever a rebuild is due.
sources_stamp() {
  find CMakeLists.txt pyproject.toml include src bindings python -type f \
    -not -path '*/__pycache__/*' -printf '%p %s %T@\n' | sort | sha256sum
}

# install_package VENV [EXTRAS]: builds and installs xfer unless it is there as it stands here.
install_package() {
  local venv=$1 extras=${2:-} stamp
  stamp="$(sources_stamp) $extras"
  if [ "$(cat "$venv/xfer-stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
  say "installing the build tools of the Python package into $venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check \
    "scikit-build-core>=0.11" "pybind11>=2.13" || return 1
  say "building and installing xfer into $venv"
  # Without build isolation, so that the compiler sees the same paths again and ccache helps.
  CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)} \
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-build-isolation ".$extras" || return 1
  printf '%s' "$stamp" >"$venv/xfer-stamp"
}
