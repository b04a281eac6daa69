"""A container by the means of Linux alone: an image's layers unpacked, a root and a network of their own, no rights."""

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

START = Path(__file__).parent / "start_container.py"


def read_image(layout):
    """The configuration of an image, and the archives of its layers in order."""

    def blob(descriptor):
        return layout / "blobs" / "sha256" / descriptor["digest"].removeprefix("sha256:")

    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads(blob(index["manifests"][0]).read_text())
    return json.loads(blob(manifest["config"]).read_text()), [blob(layer) for layer in manifest["layers"]]


def unpack(layers, root):
    """Unpacks layers one over the other, and adds the devices that every engine gives a container."""
    root.mkdir()
    for layer in layers:
        with tarfile.open(layer) as archive:
            archive.extractall(root, filter="fully_trusted")
    for folder in ("dev", "dev/shm", "proc"):
        (root / folder).mkdir()
    for name, minor in (("null", 3), ("urandom", 9)):
        os.mknod(root / "dev" / name, 0o020666, os.makedev(1, minor))
        (root / "dev" / name).chmod(0o666)


class Container:
    """A process of an image; requests are made from within its network, which has nothing but a loopback."""

    def __init__(self, root, data, config, flags=()):
        data.mkdir()
        data.chmod(0o1777)
        self.ready_file = data / "ready.json"
        command = [*config["Entrypoint"], *config["Cmd"], "--ready-file", "/data/ready.json", *flags]
        start = ["unshare", "--mount", "--net", sys.executable, START, root, data, config["User"], *command]
        environment = dict(text.split("=", 1) for text in config["Env"])
        # The tools that begin it are the machine's; what it starts with is the image's.
        self.process = subprocess.Popen([str(part) for part in start], env={**environment, "PATH": os.environ["PATH"], "IMAGE_PATH": environment["PATH"]})

    def __enter__(self):
        try:
            begun = time.monotonic()
            while not self.ready_file.exists():
                assert self.process.poll() is None and time.monotonic() < begun + 300, "the container is not ready"
                time.sleep(0.02)
            self.seconds = time.monotonic() - begun
            self.url = json.loads(self.ready_file.read_text())["http"].replace("0.0.0.0", "127.0.0.1")
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(60) == 0

    def post(self, path, body):
        """The reply to a request, which a process of the machine sends from the container's network."""
        program = "import sys, urllib.request as u; print(u.urlopen(u.Request(sys.argv[1], sys.stdin.buffer.read(), {'content-type': 'application/json'})).read().decode())"
        enter = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", sys.executable, "-c", program, self.url + path]
        reply = subprocess.run(enter, input=json.dumps(body).encode(), stdout=subprocess.PIPE, check=True)
        return json.loads(reply.stdout)

    def programs(self, root):
        """What its processes run, seen from the machine."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.path.samefile(process / "root", root):
                    found.append((os.readlink(process / "exe"), (process / "status").read_text()))
            except OSError:
                pass
        return found
