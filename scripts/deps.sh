#!/usr/bin/env bash
# Installs what is missing for "build", "run", "test", "fuzz" or "bench" from Debian's packages; says
# nothing and does nothing where all is there.
set -euo pipefail

packages=()
# need COMMAND PACKAGE: the package is wanted where the command fails.
need() { bash -c "$1" > /dev/null 2>&1 || packages+=("$2"); }

need 'command -v cc && command -v make' build-essential
case "${1:?build, run, test, fuzz or bench}" in
  build) ;;
  fuzz) need 'command -v c++' g++ ;;
  run) need 'command -v softhsm2-util' softhsm2 ;;
  test)
    need 'command -v softhsm2-util' softhsm2
    need 'command -v strace' strace
    need 'command -v curl' curl
    need 'command -v jq' jq
    need 'command -v openssl' openssl
    need 'python3 -c "import ensurepip, venv"' python3-venv
    need 'command -v node' nodejs
    need 'command -v npm' npm
    ;;
  bench)
    need 'command -v softhsm2-util' softhsm2
    need 'command -v wrk' wrk
    need 'python3 -c "import ensurepip, venv"' python3-venv
    ;;
  *) echo "deps.sh: \"$1\" is not build, run, test, fuzz or bench" >&2; exit 1 ;;
esac

if ! command -v cargo > /dev/null; then
  echo "Rust is missing (no cargo on the PATH). Install a stable toolchain, 1.90 or newer." >&2
  exit 1
fi
[ ${#packages[@]} -eq 0 ] && exit 0

if ! command -v apt-get > /dev/null; then
  echo "Missing: ${packages[*]} (names of Debian's packages). There is no apt-get here: install" >&2
  echo "them with this system's own package manager, then run make again." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo > /dev/null; then
    echo "Missing: ${packages[*]}. Ask an administrator to run:" >&2
    echo "  apt-get install ${packages[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing ${packages[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${packages[@]}"
