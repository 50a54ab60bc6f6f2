"""Work that is asked of servers by `wrk`, in turns: one server after the other, then again."""

import json
import pathlib
import statistics
import subprocess
import time

SCRIPT = pathlib.Path(__file__).resolve().parent / "load.lua"


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
             "-s", SCRIPT, self.server.address, "--", *self.script],
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
    """The median of the turns of each, by name."""
    for _ in range(turns):
        for load in loads.values():
            load.turn(connections, seconds)
            # What it left to its background threads is not the next one's burden.
            time.sleep(0.3)
    result = {name: load.median() for name, load in loads.items()}
    for load in loads.values():
        load.results.clear()
    return result
