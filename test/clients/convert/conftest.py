"""Converts models with the command line, and asks a real server for what the converted ones answer."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SERVER = os.environ["SLIPWAY_TEST_HTTP"]


class Slipway:
    def __init__(self, folder):
        self.folder = folder

    def run(self, *args, environment=None):
        # An environment of its own, so that what a model sees of it is known.
        known = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "SLIPWAY_SERVER": SERVER, **(environment or {})}
        command = [shutil.which("node"), str(ROOT / "bin" / "slipway.mjs"), *map(str, args)]
        return subprocess.run(command, cwd=self.folder, env=known, capture_output=True, text=True, check=False)

    def convert(self, source, *args, **named):
        return self.run("convert", source, "--python", sys.executable, "--output", self.folder / "models", *args, **named)

    def converted(self, source, *args, **named):
        """The report of a conversion that has to succeed."""
        done = self.convert(source, "--json", *args, **named)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, source, *args, **named):
        """The code and the sentence of one that has to be refused, with nothing kept."""
        done = self.convert(source, "--json", *args, **named)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert list(self.folder.glob("models/**/*.onnx")) == []
        error = json.loads(done.stderr)["error"]
        return error["code"], error["message"]

    def infer(self, name, inputs):
        body = json.dumps({"inputs": inputs}).encode()
        request = urllib.request.Request(f"{SERVER}/v2/models/{name}/infer", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.loads(response.read())
        return {output["name"]: output for output in answer["outputs"]}


@pytest.fixture
def slipway(tmp_path):
    return Slipway(tmp_path)


@pytest.fixture
def name():
    """A name that no other test has used: one server serves them all."""
    return f"converted-{uuid.uuid4().hex[:12]}"
