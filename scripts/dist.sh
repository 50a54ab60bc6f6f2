#!/usr/bin/env bash
# Builds the artefact that ships: one archive with the program, its licence, the example
# configuration and the documentation, and its checksum.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=strongroom-$version-$(uname -m)-linux
# --locked: what ships is what was tested.
cargo build --profile dist --locked --bin strongroom

rm -rf "dist/$name"
mkdir -p "dist/$name"
cp target/dist/strongroom LICENSE README.md CHANGELOG.md SECURITY.md "dist/$name/"
cp -r config docs softhsm "dist/$name/"
# Same input, same archive: no times, no owners, one order.
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C dist -cf - "$name" |
  gzip -n > "dist/$name.tar.gz"
rm -rf "dist/$name"
(cd dist && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
