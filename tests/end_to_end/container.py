"""Locks a program up as `docker run --read-only --cap-drop ALL --security-opt no-new-privileges` does.

With the kernel's own means: namespaces of mounts and processes, a root of its own, another user, no
capability.

What Docker adds beside and this does not: a network of its own, its seccomp filter, limits of memory and CPU.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.image_replay import Image, the, wait_until_it_listens

NEEDS = "needs root and util-linux (unshare, setpriv, nsenter) to make namespaces of mounts"
WORKING_FOLDER = "/app"
_STOP_TIMEOUT_S = 60
_PRIVILEGES = ["--clear-groups", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"]
# Arguments: the new root, the image's working folder, folders to mount where they are, `--`, the command.
# /tmp is writable only with TMPFS=yes, as by Docker's --tmpfs; /dev/shm is there as in every container.
_LOCK = """
root=$1 app=$2; shift 2
bind() { mkdir -p "$root$2"; mount --bind "$1" "$root$2"; mount -o "remount,bind,ro,nosuid,nodev" "$root$2"; }
mount -t tmpfs -o mode=755 root "$root"
mkdir "$root/proc" "$root/dev" "$root/tmp"
[ "$TMPFS" != yes ] || mount -t tmpfs -o mode=1777,nosuid,nodev,noexec tmp "$root/tmp"
for path in /bin /sbin /lib /lib32 /lib64 /libx32; do
  if [ -L "$path" ]; then cp -P "$path" "$root$path"; elif [ -d "$path" ]; then bind "$path" "$path"; fi
done
bind /usr /usr
bind /etc /etc
bind "$app" /app
while [ "$1" != -- ]; do bind "$1" "$1"; shift; done
shift
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom; do
  touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777,nosuid,nodev,noexec,size=64m shm "$root/dev/shm"
mount -o remount,ro "$root/dev"
mount -o remount,ro "$root"
cd "$root"
/usr/sbin/pivot_root . .
umount -l .
cd /app
unset TMPFS
exec "$@"
"""


@dataclass(frozen=True)
class Container:
    """A locked up server that runs.

    Attributes:
        port: of the loopback; the network is this machine's.
        master: process id, as this machine counts, of the process that is 1 in there.
        log: all that it says on standard output.
    """

    port: int
    master: int
    log: Path

    def processes(self) -> list[int]:
        """Give the ids of its processes, the master first."""
        children = Path(f"/proc/{self.master}/task/{self.master}/children").read_text().split()
        return [self.master, *map(int, children)]

    def status(self, process: int) -> dict[str, str]:
        """Give what the kernel says about one of its processes."""
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def mounts(self) -> dict[str, set[str]]:
        """Give the options of each of its mounts, by where it lies."""
        found = {}
        for line in Path(f"/proc/{self.master}/mountinfo").read_text().splitlines():
            fields = line.split()
            found[fields[4]] = set(fields[5].split(",")) | set(fields[fields.index("-") + 3].split(","))
        return found

    def run(
        self, command: Sequence[str], environ: Mapping[str, str], *, as_root: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """Run another program in there, as the server's user or as root with every capability."""
        inside = ["nsenter", "--target", str(self.master), "--mount", "--pid"]
        user = [] if as_root else ["setpriv", *_user(), *_PRIVILEGES, "--no-new-privs"]
        return subprocess.run(
            [*inside, *user, *command], env=dict(environ), capture_output=True, text=True, timeout=120
        )


@contextmanager
def locked_up(
    image: Image, folder: Path, settings: Mapping[str, str] | None = None, *, tmpfs: bool = True
) -> Iterator[Container]:
    """Run an image's command locked up, until the block ends; skip where this machine does not allow it.

    Args:
        image: a built one.
        folder: empty; for the new root and the log.
        settings: more of the environment.
        tmpfs: give it `--tmpfs /tmp`.
    """
    if not may_lock_up():
        pytest.skip(NEEDS)
    root, log = folder / "root", folder / "stdout.log"
    root.mkdir(parents=True)
    settled = (image.venv / "pyvenv.cfg").read_text().split("home = ")[1].splitlines()[0]
    base = Path(settled).resolve().parent
    command = ["unshare", "--mount", "--propagation", "private", "--pid", "--ipc", "--uts", "--fork"]
    command += ["--kill-child", "sh", "-euc", _LOCK, "sh", str(root), str(image.app), str(image.venv)]
    command += [str(base)] if not base.is_relative_to("/usr") else []
    command += ["--", "setpriv", *_user(), *_PRIVILEGES, "--no-new-privs", *image.command()]
    environ = {**image.environ, "FRUITS_BIND": "127.0.0.1:0", **(settings or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**environ, "TMPFS": "yes" if tmpfs else "no"},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        port = wait_until_it_listens(process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield Container(port, int(children[0]), log)
        os.kill(int(children[0]), signal.SIGTERM)
        process.communicate(timeout=_STOP_TIMEOUT_S)
    finally:
        process.kill()
        process.communicate()


def may_lock_up() -> bool:
    """Tell whether this machine lets the tests make such namespaces."""
    if os.geteuid() != 0 or not all(
        map(shutil.which, ("unshare", "setpriv", "nsenter", "/usr/sbin/pivot_root"))
    ):
        return False
    probe = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "mount", "-t", "tmpfs", "x"]
    return subprocess.run([*probe, "/mnt"], capture_output=True).returncode == 0


def _user() -> list[str]:
    user, group = the("USER").split(":")
    return ["--reuid", user, "--regid", group]
