#!/usr/bin/env python3
"""A second checker of audit proofs, written from docs/FORMAT.md and RFC 9162 alone.
Usage: check_proof.py PROOF KEYS [OLDER_CHECKPOINT]. Exit: 0 good, 1 wrong. Needs openssl."""
import base64, hashlib, pathlib, subprocess, sys, tempfile

def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()
def unbase64(text): return base64.b64decode(text, validate=True)
def wrong(message): print("wrong:", message); sys.exit(1)

def opened(note, pems):
    """Origin, size and root of a note that one of the keys signed."""
    text, signature = note.split("\n\n")
    text, (dash, name, blob) = text + "\n", signature.split()
    for pem in pems:
        spki = unbase64("".join(pem.split("-----")[2].split()))
        if sha(spki)[:4] != unbase64(blob)[:4]: continue
        with tempfile.TemporaryDirectory() as tmp:
            key, sig = pathlib.Path(tmp, "key"), pathlib.Path(tmp, "sig")
            key.write_text(pem); sig.write_bytes(unbase64(blob)[4:])
            command = ["openssl", "dgst", "-sha256", "-verify", key, "-signature", sig]
            if subprocess.run(command, input=text.encode(), capture_output=True).returncode == 0:
                origin, size, root = text.split("\n")[:3]
                if (dash, name) == ("—", origin): return origin, int(size), unbase64(root)
    wrong("no good signature")

def climb(node, last, path, old, new):
    """Both roots, from the hashes at a node upwards (RFC 9162, 2.1.3.2 and 2.1.4.2)."""
    for sibling in path:
        if last == 0: wrong("too many hashes")
        if node & 1 or node == last:
            old, new = sha(b"\1", sibling, old), sha(b"\1", sibling, new)
            while not node & 1 and node: node, last = node >> 1, last >> 1
        else: new = sha(b"\1", new, sibling)
        node, last = node >> 1, last >> 1
    if last: wrong("too few hashes")
    return old, new

def main(proof, keys, older=None):
    pems = [p + "-----END PUBLIC KEY-----\n"
            for p in pathlib.Path(keys).read_text().split("-----END PUBLIC KEY-----\n")[:-1]]
    head, note = pathlib.Path(proof).read_text().split("\n\n", 1)
    lines, (origin, size, root) = head.split("\n"), opened(note, pems)
    if lines[0] == "c2sp.org/tlog-proof@v1":
        line, index = unbase64(lines[1].removeprefix("extra ")), int(lines[2].removeprefix("index "))
        leaf = sha(b"\0", line)
        if index >= size: wrong("index beyond the tree")
        if climb(index, size - 1, map(unbase64, lines[3:]), leaf, leaf)[1] != root: wrong("root")
        return print(line.decode())
    old_origin, old_size, old_root = opened(pathlib.Path(older).read_text(), pems)
    if (old_origin, f"old {old_size}") != (origin, lines[0]): wrong("another checkpoint")
    path, node, last = [unbase64(l) for l in lines[1:]], old_size - 1, size - 1
    first = old_root if old_size & node == 0 else path.pop(0)
    while node & 1: node, last = node >> 1, last >> 1
    if climb(node, last, path, first, first) != (old_root, root): wrong("not the same beginning")
    print(f"{old_size} of {size} entries are the same")

main(*sys.argv[1:])
