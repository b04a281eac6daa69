"""A Slipway server of its own that runs Python models with the interpreter of the tests."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
READY_SECONDS_MAX = 60


class Server:
    """The process, and what the tests ask of it."""

    def __init__(self, folder: Path):
        ready = folder / "ready.json"
        flags = ["--port", "0", "--grpc-port", "0", "--mlflow-port", "off", "--log.level", "warn"]
        flags += ["--data-dir", str(folder / "data"), "--ready-file", str(ready), "--python", sys.executable]
        self.log = open(folder / "log", "w+b")
        # The settings of the suites' own server are none of this one's.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
        self.process = subprocess.Popen(
            ["node", str(ROOT / "bin" / "slipway.mjs"), "up", *flags],
            stdout=self.log,
            stderr=self.log,
            env=environment,
        )
        until = time.monotonic() + READY_SECONDS_MAX
        while not ready.exists():
            assert self.process.poll() is None and time.monotonic() < until, self.log_text()
            time.sleep(0.05)
        addresses = json.loads(ready.read_text())
        self.http, self.grpc = addresses["http"], addresses["grpc"]

    def log_text(self) -> str:
        self.log.flush()
        return Path(self.log.name).read_text()

    def call(self, method: str, path: str, body=None):
        """Status and JSON of an answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.http + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=300) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"null")

    def deploy(self, name: str, reference: str):
        return self.call("PUT", f"/api/slipway/v1/endpoints/{name}", {"reference": reference})

    def cli(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["node", str(ROOT / "bin" / "slipway.mjs"), *words, "--server", self.http],
            capture_output=True,
            text=True,
            timeout=300,
        )

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="session")
def server():
    folder = Path(tempfile.mkdtemp(prefix="slipway-served-"))
    running = Server(folder)
    os.environ["MLFLOW_TRACKING_URI"] = running.http
    try:
        yield running
        assert running.stop() == 0
    finally:
        running.process.kill()
        shutil.rmtree(folder, ignore_errors=True)
