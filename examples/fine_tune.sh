#!/bin/sh
# Fine-tunes the shipped weights on your recordings and builds firmware with them.
# usage: fine_tune.sh RECORDINGS OUTPUT [train options ...]
# RECORDINGS has speech/ and noise/, or clean/ and noisy/ with equal file names; 16 kHz mono.
set -eu
[ $# -ge 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
data=$1 output=$2
shift 2
imse-mcu train --data "$data" -o "$output/run" --fine-tune shipped "$@"
imse-mcu build --target "${TARGET:-stm32h7}" --weights "$output/run/weights.npz" \
    -o "$output/firmware" ${BUILD_OPTIONS:-}
