#!/usr/bin/env python3
"""Measures strongroom, OpenBao and the limits of this machine in one run, with one client.

Absolute figures drift between machines and between hours: the ratios are the claim. Every measure
is taken in turns (one server after the other, then again), and the median of the turns is shown.
Nothing here is a test. Results: target/bench/results.json and results.md.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import time

import servers
from servers import ROOT, Limit, OpenBao, Strongroom, call

OUT = ROOT / "target/bench"
HERE = pathlib.Path(__file__).resolve().parent
SECRETS = 100_000
READ_KEYS = 1_000
CONNECTIONS = 32
# Four fields, about 300 bytes.
SECRET = {"data": {
    "username": "payments-service",
    "password": "correct-horse-battery-staple-" + "7" * 40,
    "host": "postgres.payments.internal:5432",
    "dsn": "postgres://payments-service@postgres.payments.internal:5432/payments" + "?" + "o" * 60,
}}


class Load:
    """One kind of work, asked of one server."""

    def __init__(self, server, method, path, token="-", body="-", spread=0):
        self.server = server
        self.script = [str(x) for x in (method, path, token, body, spread)]
        self.results = []

    def turn(self, connections, seconds):
        cpu = self.server.cpu_seconds()
        out = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency",
             "-s", HERE / "load.lua", self.server.address, "--", *self.script],
            check=True, capture_output=True, text=True).stdout
        result = json.loads(out.split("RESULT ")[1].splitlines()[0])
        if result["errors"]:
            raise RuntimeError(f"{result['errors']} errors: {self.script[:2]} {self.server.address}")
        result["cpu_us"] = (self.server.cpu_seconds() - cpu) / result["requests"] * 1e6
        self.results.append(result)

    def median(self):
        def of(value):
            return statistics.median(value(r) for r in self.results)
        return {"per_second": of(lambda r: r["requests"] / r["seconds"]),
                "p50_ms": of(lambda r: r["p50_ms"]), "p99_ms": of(lambda r: r["p99_ms"]),
                "cpu_us": of(lambda r: r["cpu_us"])}


def in_turns(loads, connections, seconds, turns):
    for _ in range(turns):
        for load in loads.values():
            load.turn(connections, seconds)
            # What it left to its background threads is not the next one's burden.
            time.sleep(0.3)
    result = {name: load.median() for name, load in loads.items()}
    for load in loads.values():
        load.results.clear()
    return result


def first_read(strongroom, kill):
    """Stops the server, starts it, and reads a secret: seconds until it had it."""
    strongroom.stop(kill)
    began = time.monotonic()
    strongroom.start()
    call(strongroom.address, "GET", "secret/data/fill/7/7", strongroom.root_token)
    return time.monotonic() - began


def measure(quick, running):
    turns, seconds = (1, 3) if quick else (5, 5)
    servers.empty(OUT / "data")
    body = OUT / "data/secret.json"
    body.write_text(json.dumps(SECRET))

    strongroom, openbao = Strongroom(OUT / "data/strongroom"), OpenBao(OUT / "data/openbao")
    results = {}
    running += [strongroom, openbao]
    strongroom.start()
    openbao.start()
    time.sleep(2)
    results["memory_idle_mb"] = {"strongroom": strongroom.memory_mb(), "openbao": openbao.memory_mb()}

    print("filling", flush=True)
    token, login = strongroom.service()
    bao_token, bao_login = openbao.service()
    before = strongroom.bytes_written()
    servers.fill(strongroom, token, body, READ_KEYS, OUT / "data")
    after = strongroom.bytes_written()
    per_write = [(b - a) // READ_KEYS for a, b in zip(before, after)]
    servers.fill(openbao, bao_token, body, READ_KEYS, OUT / "data")

    # The bare handlers answer what strongroom answers.
    read_answer, write_answer = OUT / "data/read.json", OUT / "data/write.json"
    read_answer.write_text(json.dumps(call(strongroom.address, "GET", "secret/data/fill/0/0", token)))
    answer = call(strongroom.address, "POST", "secret/data/once", token, SECRET)
    write_answer.write_text(json.dumps(answer))
    bare_reads = Limit("reads", read_answer)
    running.append(bare_reads)
    bare_writes = Limit("writes", OUT / "data/bare", *per_write, write_answer)
    running.append(bare_writes)

    reads = {name: Load(server, "GET", "/v1/secret/data/fill/%d/%d", t, spread=READ_KEYS)
             for name, server, t in (("strongroom", strongroom, token), ("openbao", openbao, bao_token),
                                     ("limit", bare_reads, token))}
    for connections in (1, CONNECTIONS):
        print(f"reads, {connections} connections", flush=True)
        results[f"read_{connections}"] = in_turns(reads, connections, seconds, turns)

    for what, path, spread in (("write_new_secret", "/v1/secret/data/new/%d/%d", 0),
                               ("write_new_version", "/v1/secret/data/fill/%d/%d", READ_KEYS)):
        print(what, flush=True)
        results[what] = in_turns(
            {name: Load(server, "POST", path, t, body, spread)
             for name, server, t in (("strongroom", strongroom, token), ("openbao", openbao, bao_token),
                                     ("limit", bare_writes, token))}, CONNECTIONS, seconds, turns)

    print("logins", flush=True)
    results["login"] = in_turns(
        {name: Load(server, "POST", "/v1/auth/approle/login", body=save(login_, name), spread=1)
         for name, server, login_ in (("strongroom", strongroom, login), ("openbao", openbao, bao_login))},
        CONNECTIONS, seconds, turns)
    signing = [servers.signatures_per_second(strongroom, os.cpu_count(), seconds) for _ in range(turns)]
    results["login"]["limit"] = {"per_second": statistics.median(signing)}

    print(f"{SECRETS} secrets", flush=True)
    openbao.stop()
    took = servers.fill(strongroom, token, body, SECRETS, OUT / "data")
    results["fill"] = {"strongroom": {"secrets": SECRETS, "per_second": SECRETS / took}}
    loaded = strongroom.memory_mb()
    starts = 1 if quick else 3
    results["start_seconds"] = {
        "after a stop": statistics.median(first_read(strongroom, False) for _ in range(starts)),
        "after kill -9": statistics.median(first_read(strongroom, True) for _ in range(starts))}
    time.sleep(2)
    results["memory_100k_mb"] = {"after the writes": loaded, "after a start": strongroom.memory_mb()}
    results["bytes_per_write"] = dict(zip(("journal", "audit"), per_write))
    return results


def save(login, name):
    path = OUT / f"data/login-{name}.json"
    path.write_text(json.dumps(login))
    return path


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "load_at_start": os.getloadavg()[0]}


def report(results):
    def number(x):
        return f"{x:,.0f}" if x >= 100 else f"{x:.2g}" if x < 1 else f"{x:.1f}"

    def speed(row):
        more = ""
        if "p99_ms" in row:
            more = f", p99 {number(row['p99_ms'])} ms, {number(row['cpu_us'])} µs"
        return f"{number(row['per_second'])}/s{more}"

    lines = ["| work | strongroom | OpenBao | the limit | × OpenBao | of the limit |",
             "|---|---|---|---|---|---|"]
    for key, title in (("read_1", "KV read, 1 connection"),
                       (f"read_{CONNECTIONS}", f"KV read, {CONNECTIONS} connections"),
                       ("write_new_secret", f"durable write, new secrets, {CONNECTIONS}"),
                       ("write_new_version", f"durable write, new versions, {CONNECTIONS}"),
                       ("login", f"AppRole login, {CONNECTIONS}")):
        ours, bao, limit = (results[key][n] for n in ("strongroom", "openbao", "limit"))
        lines.append(
            f"| {title} | {speed(ours)} | {speed(bao)} | {speed(limit)} "
            f"| {ours['per_second'] / bao['per_second']:.1f} "
            f"| {ours['per_second'] / limit['per_second']:.2f} |")
    idle = results["memory_idle_mb"]
    lines.append(f"| memory, idle | {idle['strongroom']:.0f} MB | {idle['openbao']:.0f} MB | | | |")
    for when, mb in results["memory_100k_mb"].items():
        lines.append(f"| memory, {SECRETS:,} secrets, {when} | {mb:.0f} MB | | | | |")
    for when, seconds in results["start_seconds"].items():
        lines.append(f"| start to first read, {SECRETS:,} secrets, {when} | {seconds:.2f} s | | | | |")
    return "\n".join(lines)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="one short turn of each")
    quick = arguments.parse_args().quick
    about, running = machine(), []
    try:
        results = measure(quick, running)
    finally:
        for server in running:
            server.stop(kill=True)
    table = report(results)
    here = (f"{about['cpu']}, {about['cores']} cores, Linux {about['kernel']}; "
            f"load {about['load_at_start']:.1f} before the run; "
            f"{'one turn of 3 s' if quick else 'median of 5 turns of 5 s'}; "
            "strongroom on SoftHSM with its audit log on, OpenBao 2.7.2 on raft with a file audit device; "
            "µs are CPU time of the server a request, which other work on the machine moves least")
    (OUT / "results.json").write_text(json.dumps({"machine": about, "results": results}, indent=1))
    (OUT / "results.md").write_text(f"{here}\n\n{table}\n")
    servers.empty(OUT / "data")
    print(f"\n{here}\n\n{table}\n\nwritten to {OUT.relative_to(ROOT)}/results.json and results.md")


if __name__ == "__main__":
    main()
