"""What is measured, a method a subject. Every row has the shape {server: figures}."""

import json
import os
import statistics
import time

import servers
from loads import Load, in_turns
from servers import Limit, OpenBao, Strict, Strongroom, call

# Four fields, about 300 bytes.
SMALL = {"data": {
    "username": "payments-service",
    "password": "correct-horse-battery-staple-" + "7" * 40,
    "host": "postgres.payments.internal:5432",
    "dsn": "postgres://payments-service@postgres.payments.internal:5432/payments" + "?" + "o" * 60,
}}
LARGE = {"data": {"certificate": "c" * 4096}}
HOT = 1_000
READ = "/v1/secret/data/fill/%d/%d"
LARGE_READ = "/v1/secret/data/large/%d/%d"


class Scale:
    """How much of everything."""

    def __init__(self, quick, ten_million):
        self.turns, self.seconds = (1, 2) if quick else (2, 3)
        self.reads = [("plain", 1, "small"), ("plain", 32, "small"), ("plain", 32, "large"),
                      ("TLS", 32, "small")]
        if not quick:
            self.reads = [(transport, connections, size) for transport in ("plain", "TLS")
                          for size in ("small", "large") for connections in (1, 32, 128)]
        # Secrets in the store when the hot ones are read, the first being HOT.
        self.secrets = [HOT, 10_000, 100_000] + ([] if quick else [1_000_000])
        self.secrets += [10_000_000] if ten_million else []
        self.leases = [20_000] if quick else [100_000, 1_000_000]
        # A million would take it an hour and more memory than there is.
        self.openbao_leases = 5_000 if quick else 20_000


class Bench:
    def __init__(self, out, scale, running):
        self.out, self.scale = out, scale
        self.rows, self.facts = {}, {}
        self.ours = Strongroom(out / "strongroom")
        self.ours_tls = Strongroom(out / "strongroom-tls", "--tls")
        self.bao = OpenBao(out / "openbao")
        self.running = running
        running += [self.ours, self.ours_tls, self.bao]
        self.body = {"small": self.saved("small.json", SMALL), "large": self.saved("large.json", LARGE)}

    def saved(self, name, shape):
        path = self.out / name
        path.write_text(json.dumps(shape))
        return path

    def limit(self, *arguments):
        server = Limit(*arguments)
        self.running.append(server)
        return server

    def all(self):
        self.begin()
        self.reads()
        self.writes()
        self.logins()
        self.strict()
        self.openbao_leases()
        self.growth()
        self.leases()
        self.restart()

    def turns(self, title, loads, connections=32):
        print(title, flush=True)
        self.rows[title] = in_turns(loads, connections, self.scale.seconds, self.scale.turns)

    def begin(self):
        for server in (self.ours, self.ours_tls, self.bao):
            server.start()
        time.sleep(2)
        self.facts["memory, idle, MB"] = {
            "strongroom": self.ours.memory_mb(), "openbao": self.bao.memory_mb()}
        self.token, self.login = self.ours.service()
        self.tls_token, _ = self.ours_tls.service()
        self.bao_token, self.bao_login = self.bao.service()
        before = self.ours.bytes_written()
        servers.fill(self.ours, self.token, self.body["small"], 0, HOT)
        after = self.ours.bytes_written()
        self.bytes_per_write = [(b - a) // HOT for a, b in zip(before, after)]
        servers.fill(self.ours, self.token, self.body["large"], 0, HOT, "large")
        servers.fill(self.bao, self.bao_token, self.body["small"], 0, HOT)
        servers.fill(self.bao, self.bao_token, self.body["large"], 0, HOT, "large")
        for under, size in (("fill", SMALL), ("large", LARGE)):
            for n in range(100):
                call(self.ours_tls.address, "POST", f"secret/data/{under}/0/{n}", self.tls_token, size)

    def reads(self):
        """The bare handlers answer what strongroom answers."""
        tls = self.out / "strongroom-tls/dev/tls"
        certificate = [next(tls.glob(name)) for name in ("cert*.pem", "*key*.pem")]
        bare = {}
        for size, under in (("small", "fill"), ("large", "large")):
            shape = call(self.ours.address, "GET", f"secret/data/{under}/0/0", self.token)
            answer = self.saved(f"read-{size}.json", shape)
            bare["plain", size] = self.limit("reads", answer)
            bare["TLS", size] = self.limit("reads", answer, *certificate)
        for transport, connections, size in self.scale.reads:
            path = READ if size == "small" else LARGE_READ
            if transport == "plain":
                sources = {"strongroom": (self.ours, self.token, HOT),
                           "openbao": (self.bao, self.bao_token, HOT),
                           "limit": (bare[transport, size], self.token, HOT)}
            else:
                sources = {"strongroom": (self.ours_tls, self.tls_token, 100),
                           "limit": (bare[transport, size], self.tls_token, 100)}
            loads = {name: Load(server, "GET", path, token, spread=spread)
                     for name, (server, token, spread) in sources.items()}
            value = "0.3 KiB" if size == "small" else "4 KiB"
            self.turns(f"read of {value}, {transport}, {connections} connection{'s' if connections > 1 else ''}", loads, connections)

    def writes(self):
        answer = call(self.ours.address, "POST", "secret/data/once", self.token, SMALL)
        bare = self.limit("writes", self.out / "bare", *self.bytes_per_write,
                          self.saved("write.json", answer))
        sources = {"strongroom": (self.ours, self.token), "openbao": (self.bao, self.bao_token),
                   "limit": (bare, self.token)}
        for title, path, spread in (
                ("durable write of a new secret", "/v1/secret/data/new/%d/%d", 0),
                ("durable write of a new version", READ, HOT)):
            self.turns(title, {name: Load(server, "POST", path, token, self.body["small"], spread)
                               for name, (server, token) in sources.items()})
        del sources["limit"]
        self.turns("95 reads to 5 writes", {
            name: Load(server, "MIXED", READ, token, self.body["small"], HOT)
            for name, (server, token) in sources.items()})
        self.turns("list of 100 names", {
            name: Load(server, "GET", "/v1/secret/metadata/fill/%d?list=true&x=%d", token, spread=HOT)
            for name, (server, token) in sources.items()})

    def logins(self):
        self.turns("AppRole login", {
            name: Load(server, "POST", "/v1/auth/approle/login",
                       body=self.saved(f"login-{name}.json", login), spread=1)
            for name, server, login in (("strongroom", self.ours, self.login),
                                        ("openbao", self.bao, self.bao_login))})
        signing = [servers.signatures_per_second(self.ours, os.cpu_count(), self.scale.seconds)
                   for _ in range(self.scale.turns)]
        self.rows["AppRole login"]["limit"] = {"per_second": statistics.median(signing)}

    def strict(self):
        """With `max_offline = "0s"`."""
        server = Strict(self.out / "strict")
        self.running.append(server)
        server.start()
        token, _ = server.service()
        servers.fill(server, token, self.body["small"], 0, HOT)
        self.turns("read that asks the HSM each time",
                   {"strongroom": Load(server, "GET", READ, token, spread=HOT)})
        server.stop()

    def openbao_leases(self):
        before = self.bao.memory_mb()
        count = self.scale.openbao_leases
        servers.log_in(self.bao, self.saved("login-openbao.json", self.bao_login), count)
        self.facts[f"memory, {count:,} live leases more, MB"] = {
            "openbao": self.bao.memory_mb() - before}
        self.bao.stop()

    def growth(self):
        """The same hot secrets among more and more others."""
        hot = Load(self.ours, "GET", READ, self.token, spread=HOT)
        filled = 0
        for secrets in self.scale.secrets:
            if secrets > HOT:
                first = max(filled, HOT)
                took = servers.fill(self.ours, self.token, self.body["small"], first, secrets - first)
                self.facts[f"secrets written a second, up to {secrets:,}"] = {
                    "strongroom": (secrets - first) / took}
                # The index takes in what the journal holds.
                time.sleep(3)
            filled = secrets
            self.turns(f"{HOT:,} hot secrets among {secrets:,}", {"strongroom": hot})
        self.facts[f"memory, {filled:,} secrets, after writing them, MB"] = {
            "strongroom": self.ours.memory_mb()}
        first, last = (self.rows[f"{HOT:,} hot secrets among {n:,}"]["strongroom"]["p50_ms"]
                       for n in (HOT, filled))
        self.facts[f"latency of hot secrets, {filled:,} to {HOT:,}, ratio"] = {"strongroom": last / first}

    def leases(self):
        self.ours.stop()
        self.ours.start()
        call(self.ours.address, "GET", "secret/data/fill/7/7", self.ours.root_token)
        time.sleep(2)
        before = self.ours.memory_mb()
        made = 0
        for leases in self.scale.leases:
            took = servers.log_in(self.ours, self.saved("login-strongroom.json", self.login),
                                  leases - made)
            self.facts[f"logins a second, up to {leases:,}"] = {"strongroom": (leases - made) / took}
            made = leases
            time.sleep(3)
            self.facts[f"memory, {leases:,} live leases more, MB"] = {
                "strongroom": self.ours.memory_mb() - before}

    def restart(self):
        what = f"{self.scale.secrets[-1]:,} secrets, {self.scale.leases[-1]:,} leases"
        for how, kill in (("a stop", False), ("kill -9", True)):
            self.ours.stop(kill)
            began = time.monotonic()
            self.ours.start()
            call(self.ours.address, "GET", "secret/data/fill/7/7", self.ours.root_token)
            self.facts[f"start to first read after {how}, {what}, seconds"] = {
                "strongroom": time.monotonic() - began}
        time.sleep(2)
        self.facts[f"memory after a start, {what}, MB"] = {"strongroom": self.ours.memory_mb()}
