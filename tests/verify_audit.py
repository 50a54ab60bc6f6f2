#!/usr/bin/env python3
"""A second verifier of the audit log, written from docs/FORMAT.md alone; shares no code with the
first. Usage: verify_audit.py DIR. Exit: 0 intact, 1 tampered, 2 tail unproven. Needs openssl."""
import base64, hashlib, json, pathlib, subprocess, sys, tempfile

def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()

def root(nodes):                                   # nodes: (height, hash), largest first
    if not nodes: return sha()
    right = nodes[-1][1]
    for _, left in reversed(nodes[:-1]): right = sha(b"\1", left, right)
    return right

def push(nodes, leaf):
    nodes.append((0, leaf))
    while len(nodes) > 1 and nodes[-1][0] == nodes[-2][0]:
        (height, left), (_, right) = nodes[-2:]
        nodes[-2:] = [(height + 1, sha(b"\1", left, right))]

def die(message): print("tampered:", message); sys.exit(1)

def signed_by(pem, text, blob):
    body = pem.split("-----BEGIN PUBLIC KEY-----")[1]
    if blob[:4] != sha(base64.b64decode("".join(body.split()[:-3])))[:4]: return False
    with tempfile.TemporaryDirectory() as tmp:
        key, sig = pathlib.Path(tmp, "key"), pathlib.Path(tmp, "sig")
        key.write_text(pem); sig.write_bytes(blob[4:])
        command = ["openssl", "dgst", "-sha256", "-verify", key, "-signature", sig]
        return subprocess.run(command, input=text, capture_output=True).returncode == 0

def checkpoints(directory):
    pems = [p + "-----END PUBLIC KEY-----\n" for p in
            (directory / "audit.pub").read_text().split("-----END PUBLIC KEY-----\n")[:-1]]
    for file in sorted(directory.glob("*.checkpoints")):
        blocks = file.read_bytes().split(b"\n\n")
        for text, signature in zip(blocks[::2], blocks[1::2]):
            text, (dash, name, blob) = text + b"\n", signature.decode().split()
            origin, size, top = text.decode().split("\n")[:3]
            good = [p for p in pems if signed_by(p, text, base64.b64decode(blob))]
            if name != origin or dash != "—" or not good: die(f"checkpoint in {file.name}")
            yield int(size), base64.b64decode(top)

def main(directory):
    claims, seq, prev, nodes, proven = list(checkpoints(directory)), 0, bytes(32), [], 0
    for file in sorted(directory.glob("*.jsonl")):
        if int(file.stem) != seq: die(f"{file.name} should begin with entry {seq}")
        for number, line in enumerate(file.read_bytes().removesuffix(b"\n").split(b"\n"), 1):
            try: entry = dict(json.loads(line))
            except (ValueError, TypeError): die(f"{file.name} line {number} is not an object")
            canonical = json.dumps(entry, separators=(",", ":")).encode()
            head = [("v", 1), ("seq", seq), ("prev", prev.hex())]
            if canonical != line or list(entry.items())[:3] != head:
                die(f"{file.name} line {number} is not entry {seq}")
            seq, prev = seq + 1, sha(b"\0", line)
            push(nodes, prev)
            for size, top in claims:
                if size == seq and top != root(nodes): die(f"root of {size} entries")
                if size == seq: proven = size
    if any(size > seq for size, _ in claims): die("cut tail")
    print(f"{seq} entries, {proven} proven")
    sys.exit(0 if proven == seq else 2)

main(pathlib.Path(sys.argv[1]))
