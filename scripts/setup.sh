#!/bin/sh
# Installs what is missing: system packages (only those that are missing, with sudo when not root)
# and the Python packages of .venv at the versions of constraints.txt.
# Usage: scripts/setup.sh [EXTRA ...]     for example: scripts/setup.sh dev
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $1"; [ $# -lt 2 ] || say "hint: $2"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

packages=""
need() { packages="$packages $*"; }

have "$PYTHON" || need python3
have make || need make
have cmake || need cmake
have ninja || need ninja-build
have gcc || need gcc
[ -e /usr/include/stdio.h ] || need libc6-dev
have qemu-system-arm || need qemu-system-arm
case " $* " in
*" dev "*)
    have gdb-multiarch || need gdb-multiarch
    have g++ || need g++
    # For the test of report.html. Ubuntu has it as a snap only: there the test is skipped.
    have chromium || have chromium-browser || have google-chrome ||
        ! grep -q '^ID=debian' /etc/os-release 2>/dev/null || need chromium
    ;;
esac
if ! have arm-none-eabi-gcc; then
    need gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib
else
    # The compiler answers a bare file name when it does not find the library.
    [ "$(arm-none-eabi-gcc -print-file-name=libc.a)" != libc.a ] || need libnewlib-arm-none-eabi
    [ "$(arm-none-eabi-gcc -print-file-name=libstdc++.a)" != libstdc++.a ] ||
        need libstdc++-arm-none-eabi-newlib
fi
if have "$PYTHON"; then
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "$PYTHON is older than Python 3.11" "make PYTHON=/path/to/python3.11 ..."
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || need python3-venv
    "$PYTHON" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
        need python3-dev
else
    need python3-venv python3-dev
fi

if [ -n "$packages" ]; then
    have apt-get || die "missing:$packages" "install these packages, apt-get is not here to do it"
    sudo=""
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || die "missing:$packages" "run as root or install sudo"
        sudo=sudo
    fi
    say "installing:$packages"
    log=$(mktemp)
    # shellcheck disable=SC2086  # the list is meant to be split
    if ! { $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
            $packages; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install:$packages" "install them by hand and run make again"
    fi
    rm -f "$log"
fi

[ -x "$VENV/bin/python" ] || { say "making $VENV"; "$PYTHON" -m venv "$VENV"; }

extras=$(printf '%s\n' "$@" | sort -u | paste -sd, -)
stamp="$VENV/.imse-mcu-$(printf '%s' "$extras" | tr , -)"
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || [ constraints.txt -nt "$stamp" ]; then
    say "installing Python packages into $VENV (a few minutes the first time)"
    "$VENV/bin/python" -m pip install -qq --disable-pip-version-check \
        -c constraints.txt -e ".${extras:+[$extras]}"
    touch "$stamp"
fi
