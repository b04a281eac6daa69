"""A container by the means of Linux alone: the layers of an image unpacked, a root of its own, no network, no rights."""

import json
import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path


def read_image(layout):
    """The configuration of an image, and the archives of its layers."""

    def blob(descriptor):
        return layout / "blobs" / "sha256" / descriptor["digest"].removeprefix("sha256:")

    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads(blob(index["manifests"][0]).read_text())
    return json.loads(blob(manifest["config"]).read_text()), [blob(layer) for layer in manifest["layers"]]


def unpack(layout, root):
    """The configuration of an image whose layers are now below a folder."""
    config, layers = read_image(layout)
    for layer in layers:
        with tarfile.open(layer) as archive:
            archive.extractall(root, filter="fully_trusted")
    for folder in ("dev", "proc"):
        (root / folder).mkdir(exist_ok=True)
    for name, minor in (("null", 3), ("urandom", 9)):
        os.mknod(root / "dev" / name, 0o666 | 0o020000, os.makedev(1, minor))
        (root / "dev" / name).chmod(0o666)
    return config["config"]


# Its root can't be written, but for /data, /tmp and /dev/shm; its only network is a loopback of its own.
START = """
set -e
ip link set lo up 2>/dev/null || true
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mount --bind "$2" "$1/data"
mount -o remount,bind,ro "$1"
root=$1; user=$3; shift 3
exec chroot --userspec="$user" "$root" "$@"
"""


class Container:
    """A process in namespaces of mounts and networks of its own; it is reached through the network's."""

    def __init__(self, root, data, config, flags):
        data.mkdir()
        data.chmod(0o1777)
        variables = dict(text.split("=", 1) for text in config["Env"])
        self.data = data
        tools = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
        command = ["env", "-i", *(f"{name}={value}" for name, value in variables.items()), *config["Entrypoint"], *config["Cmd"]]
        del command[:2]
        start = ["unshare", "--mount", "--net", "sh", "-c", START, "sh", root, data, config["User"], *command[len(variables):], *flags]
        self.process = subprocess.Popen([str(part) for part in start], env={**variables, "PATH": f"{variables['PATH']}:{tools}"})

    def ready(self, seconds=120):
        deadline = time.monotonic() + seconds
        file = self.data / "ready.json"
        while not file.exists():
            assert self.process.poll() is None and time.monotonic() < deadline, "the container is not ready"
            time.sleep(0.02)
        return json.loads(file.read_text())
