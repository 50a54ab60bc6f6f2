#!/usr/bin/env python3
"""Measures strongroom, OpenBao and the limits of this machine in one run, with one client.

Absolute figures drift between machines and between hours: the ratios are the claim. Every measure
is taken in turns (one server after the other, then again), and the median of the turns is shown.
Nothing here is a test. Results: target/bench/results.json, results.md and results.svg.
"""

import argparse
import json
import os
import platform
import time

import report
import servers
from measures import Bench, Scale
from servers import ROOT

OUT = ROOT / "target/bench"


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release().split("-")[0],
            "load_at_start": os.getloadavg()[0]}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="one short turn of less")
    arguments.add_argument("--ten-million", action="store_true", help="hot secrets among 10 M too")
    options = arguments.parse_args()
    about, running, began = machine(), [], time.monotonic()
    servers.empty(OUT / "data")
    scale = Scale(options.quick, options.ten_million)
    bench = Bench(OUT / "data", scale, running)
    try:
        bench.all()
    finally:
        for server in running:
            server.stop(kill=True)
        here = (f"{about['cpu']}, {about['cores']} cores, Linux {about['kernel']}; load "
                f"{about['load_at_start']:.1f} before the run of {time.monotonic() - began:.0f} s; "
                f"turns: {scale.turns} of {scale.seconds} s; strongroom on SoftHSM with its audit log "
                "on, OpenBao 2.7.2 on raft with a file audit device")
        # What was measured before something failed is kept too.
        table = report.table(bench.rows, bench.facts)
        whole = {"machine": about, "rows": bench.rows, "facts": bench.facts}
        (OUT / "results.json").write_text(json.dumps(whole, indent=1))
        (OUT / "results.md").write_text(f"{here}\n\n{table}\n")
        (OUT / "results.svg").write_text(report.picture(bench.rows, here))
    servers.empty(OUT / "data")
    print(f"\n{here}\n\n{table}\n\nwritten to {OUT.relative_to(ROOT)}: results.json, .md, .svg")


if __name__ == "__main__":
    main()
