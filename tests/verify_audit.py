#!/usr/bin/env python3
"""A second verifier of the audit log, written from docs/FORMAT.md alone; shares no code with the
first. Usage: verify_audit.py DIR [--key FILE] [--anchor FILE]. Exit: 0 intact, 1 tampered, 2 tail
unproven, 3 nothing can be said. Needs openssl."""
import argparse, base64, hashlib, json, pathlib, subprocess, sys, tempfile

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
def give_up(message): print("no verdict:", message); sys.exit(3)

def signed_by(pem, text, blob):
    body = pem.split("-----BEGIN PUBLIC KEY-----")[1]
    if blob[:4] != sha(base64.b64decode("".join(body.split()[:-3])))[:4]: return False
    with tempfile.TemporaryDirectory() as tmp:
        key, sig = pathlib.Path(tmp, "key"), pathlib.Path(tmp, "sig")
        key.write_text(pem); sig.write_bytes(blob[4:])
        command = ["openssl", "dgst", "-sha256", "-verify", key, "-signature", sig]
        return subprocess.run(command, input=text, capture_output=True).returncode == 0

class Note:
    """A checkpoint that one of the keys signed."""
    def __init__(self, text, signature, pems):
        text, (dash, name, blob) = text + b"\n", signature.decode().split()
        lines = text.decode().splitlines()
        if name != lines[0] or dash != "—": raise ValueError("a note of somebody else")
        if not any(signed_by(pem, text, base64.b64decode(blob)) for pem in pems):
            raise ValueError("no good signature")
        self.origin, self.size, self.root = lines[0], int(lines[1]), base64.b64decode(lines[2])
        extensions = dict(line.split(" ", 1) for line in lines[3:])
        self.previous, self.pruned = extensions.get("previous"), extensions.get("pruned-below")
        self.link = f"{self.size} {sha(text).hex()}"

def notes(data, pems, where):
    blocks = data.split(b"\n\n")
    for text, signature in zip(blocks[::2], blocks[1::2]):
        try: yield Note(text, signature, pems)
        except ValueError as error: die(f"{where}: {error}")

def beginning(directory, pems):
    """Number, predecessor and right edge where the log begins, and what is claimed of it."""
    file = directory / "audit.pruned"
    if not file.exists(): return 0, bytes(32), [], []
    note, = notes(file.read_bytes(), pems, file.name)
    if not note.pruned: die(f"{file.name} says nothing")
    number, prev, *edge = note.pruned.split()
    heights = [h for h in reversed(range(64)) if int(number) >> h & 1]
    return int(number), bytes.fromhex(prev), list(zip(heights, map(bytes.fromhex, edge))), [note]

def main(directory, key, anchor):
    if not any(directory.glob("*.jsonl")): give_up("no segments")
    if not key.exists(): give_up("no public keys")
    pems = [p + "-----END PUBLIC KEY-----\n"
            for p in key.read_text().split("-----END PUBLIC KEY-----\n")[:-1]]
    seq, prev, nodes, claims = beginning(directory, pems)
    first, proven, last = seq, seq, None
    kept = lambda suffix: [f for f in sorted(directory.glob(suffix)) if int(f.stem) >= first]
    if anchor:
        try: note = Note(*anchor.read_bytes().split(b"\n\n")[:2], pems)
        except ValueError as error: give_up(f"the anchor: {error}")
        if note.size < first: give_up("the anchor is older than what was pruned")
        if note.size == first and note.root != root(nodes): die("the anchor is of another log")
        claims.append(note)
    for file in kept("*.checkpoints"):
        for note in notes(file.read_bytes(), pems, file.name):
            gone = last is None and note.previous and int(note.previous.split()[0]) <= first
            if note.previous not in (None, last) and not gone:
                die(f"{file.name}: the checkpoint of {note.previous.split()[0]} entries is missing")
            last = note.link
            claims.append(note)
    if len({note.origin for note in claims}) > 1: die("checkpoints of several logs")
    for file in kept("*.jsonl"):
        if int(file.stem) != seq: die(f"{file.name} should begin with entry {seq}")
        *lines, rest = file.read_bytes().split(b"\n")
        if rest and file != kept("*.jsonl")[-1]: die(f"{file.name} ends in part of a line")
        for number, line in enumerate(lines, 1):
            try: entry = dict(json.loads(line))
            except (ValueError, TypeError): die(f"{file.name} line {number} is not an object")
            canonical = json.dumps(entry, separators=(",", ":")).encode()
            head = [("v", 1), ("seq", seq), ("prev", prev.hex())]
            if canonical != line or list(entry.items())[:3] != head:
                die(f"{file.name} line {number} is not entry {seq}")
            seq, prev = seq + 1, sha(b"\0", line)
            push(nodes, prev)
            for note in claims:
                if note.size == seq and note.root != root(nodes): die(f"root of {seq} entries")
                if note.size == seq: proven = seq
    if any(note.size > seq for note in claims): die("cut tail")
    pruned = f", pruned below {first}" if first else ""
    print(f"{seq} entries, {proven} proven{pruned}")
    sys.exit(0 if proven == seq and not rest else 2)

parser = argparse.ArgumentParser()
parser.add_argument("path", type=pathlib.Path)
parser.add_argument("--key", type=pathlib.Path)
parser.add_argument("--anchor", type=pathlib.Path)
args = parser.parse_args()
main(args.path, args.key or args.path / "audit.pub", args.anchor)
