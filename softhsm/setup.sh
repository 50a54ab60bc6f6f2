#!/bin/sh
# Makes a SoftHSM token for development in a directory of its own. Running it again changes nothing.
#
#   softhsm/setup.sh [DIRECTORY [LABEL]]      default: .dev/softhsm strongroom
#
# Leaves in DIRECTORY: softhsm2.conf, tokens/, pin and so-pin (mode 0600). SoftHSM keeps its keys in
# the server's own process and on this disk: never in production.
set -eu
umask 077

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
directory=${1:-.dev/softhsm}
label=${2:-strongroom}

command -v softhsm2-util >/dev/null || {
    echo "softhsm2-util isn't installed (Debian: apt install softhsm2)" >&2
    exit 1
}

mkdir -p "$directory/tokens"
directory=$(CDPATH='' cd -- "$directory" && pwd)
conf="$directory/softhsm2.conf"
[ -e "$conf" ] || sed "s|@TOKENS@|$directory/tokens|" "$here/softhsm2.conf.template" >"$conf"
export SOFTHSM2_CONF="$conf"

# 24 hexadecimal digits of the kernel's generator; SoftHSM takes 4 to 255 characters.
secret() { od -An -N12 -tx1 /dev/urandom | tr -d ' \n'; }
for name in pin so-pin; do
    [ -s "$directory/$name" ] || { secret && echo; } >"$directory/$name"
done

if softhsm2-util --show-slots | grep -Eq "^ *Label: *$label *\$"; then
    echo "token \"$label\" is there"
else
    # The PINs are read from files, yet they show in the list of processes for a moment.
    softhsm2-util --init-token --free --label "$label" \
        --pin "$(cat "$directory/pin")" --so-pin "$(cat "$directory/so-pin")" >/dev/null
    echo "made token \"$label\""
fi

echo "export SOFTHSM2_CONF=$conf"
echo "hsm.pin_file = \"$directory/pin\""
