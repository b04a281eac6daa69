"""Becomes the process of a container: ROOT DATA USER:GROUP COMMAND…, in namespaces of mounts and of networks of its own."""

import fcntl
import os
import socket
import struct
import subprocess
import sys

root, data, user, *command = sys.argv[1:]

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    # SIOCSIFFLAGS with IFF_UP | IFF_RUNNING.
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x41))


def mount(*args):
    subprocess.run(["mount", *args], check=True)


# The root can't be written, but for what engines let be written with --read-only.
mount("--bind", root, root)
mount("-o", "remount,bind,ro", root)
mount("-t", "proc", "proc", f"{root}/proc")
mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", f"{root}/tmp")
mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", f"{root}/dev/shm")
mount("--bind", data, f"{root}/data")

os.environ["PATH"] = os.environ.pop("IMAGE_PATH")
os.chroot(root)
os.chdir("/data")
number, group = map(int, user.split(":"))
os.setgroups([])
os.setgid(group)
os.setuid(number)
os.execv(command[0], command)
