"""A machine of a reader: a copy of this system under a systemd of its own, where a line of a guide is typed as it stands, at a terminal.

It exists because services, ports under 1024, certificates and containers need a machine that nobody else uses. It lies in memory
above what is here, in namespaces of its own, and its network ends at its loopback. It refuses to leave anything behind, to start what
is enabled here, and to touch the kernel's settings.
"""

import contextlib
import os
import select
import subprocess
import time
from pathlib import Path

from .processes import Part, run, wait_until
from .terminal import Terminal

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PROGRAMS = Path(__file__).resolve().parent.parent / "clients" / "built" / "machine.tar"

# "$1": its folder, "$2": the sources, "$3": the program, "$4": more programs, "$5": its cgroup.
BOOT = r"""
mount -t tmpfs -o size=4g machine "$1"
cd "$1"
mkdir system sources aside aside/system aside/sources root
mount -t overlay overlay -o "lowerdir=/,upperdir=system,workdir=aside/system" root
tar -C root --keep-directory-symlink -xf "$4"
cd root
mkdir -p src
mount -t overlay overlay -o "lowerdir=$2,upperdir=../sources,workdir=../aside/sources" src
mkdir -p src/target/release
rm -rf src/target/release/gatepost etc/gatepost var/lib/gatepost var/lib/private/gatepost usr/bin/gatepost
strip -o src/target/release/gatepost "$3"
# What it is asked to build is there.
rm -f usr/local/bin/cargo
printf '#!/bin/sh\ntest "$PWD: $*" = "/src: build --release"\n' >usr/local/bin/cargo
chmod 755 usr/local/bin/cargo
for name in iptables ip6tables; do [ -e usr/sbin/$name ] || ln -s xtables-nft-multi usr/sbin/$name; done

# Nothing that is enabled here starts there, nothing is set in the kernel.
rm -rf etc/systemd/system/*.wants etc/systemd/system/default.target lib/systemd/system-generators/*
for unit in systemd-binfmt systemd-modules-load systemd-sysctl; do ln -s /dev/null etc/systemd/system/$unit.service; done
printf '[Unit]\nRequires=sysinit.target dbus.service\nAfter=sysinit.target dbus.service\n' >etc/systemd/system/machine.target
: >etc/machine-id
: >etc/fstab
: >etc/resolv.conf
echo machine >etc/hostname
printf '127.0.0.1 localhost machine\n' >etc/hosts

mkdir ../cgroup
mount -t cgroup2 cgroup2 ../cgroup
mkdir "../cgroup/$5"
echo $$ >"../cgroup/$5/cgroup.procs"
umount ../cgroup
exec unshare --cgroup --net --pid --uts --ipc --fork --kill-child sh -euc '
    mount -t proc proc proc
    mount --bind proc/sys proc/sys
    mount --bind proc/sys/net proc/sys/net
    mount -o remount,bind,ro proc/sys
    mount -t sysfs -o ro sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs tmp
    mount -t tmpfs -o mode=755 tmpfs dev
    mkdir -p dev/pts dev/shm var/lib/containers
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    mount -t tmpfs tmpfs dev/shm
    mount -t tmpfs tmpfs var/lib/containers
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    for node in null zero full random urandom tty fuse; do [ ! -e /dev/$node ] || { : >dev/$node; mount --bind /dev/$node dev/$node; }; done
    pivot_root . mnt
    umount --lazy /mnt
    mount --make-rshared /  # the services that systemd starts see by that what it lends them
    # No service there sets the clock, which is that of all.
    exec setpriv --bounding-set=-sys_time --inh-caps=-sys_time env -i container=gatepost PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --system --unit=machine.target --show-status=false --log-target=journal
'
"""

# Ends what is left of its cgroup: all in it ended with its systemd.
FORGET = r'mount -t cgroup2 cgroup2 "$1"; [ ! -e "$1/$2" ] || find "$1/$2" -depth -type d -exec rmdir {} +'

ENVIRONMENT = ("HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TERM=dumb", "PAGER=cat")


def nobody(_):
    """Reads along."""


def _shown(terminal, process, timeout, reader):
    """What a terminal shows until the program ends, and no longer than that. `reader`: who reads along."""
    deadline, shown = time.monotonic() + timeout, b""
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        if select.select([terminal], [], [], 0 if ended else 0.05)[0]:
            try:
                part = terminal.read(65536)
            except OSError:  # nobody has the other end any more
                part = b""
            shown += part
            if part:
                reader(shown.decode(errors="replace").replace("\r\n", "\n"))
                continue
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            break
        if ended:
            break
    return shown.decode(errors="replace").replace("\r\n", "\n")


class Machine:
    def __init__(self, folder, binary):
        if not PROGRAMS.exists():
            raise AssertionError(f"there is no {PROGRAMS}: run tests/real/install.sh")
        folder.mkdir()
        self.folder, self.cgroup = folder, folder.parent.name
        self.prelude = ""
        (folder / "root").mkdir()
        boot = ["unshare", "--mount", "sh", "-euc", BOOT, "sh", folder / "root", ROOT, binary, PROGRAMS, self.cgroup]
        self.part = Part("systemd of the machine", boot, folder / "boot.log")
        try:
            self.part.wait_ready(self._first_process, 60)
            self.part.wait_ready(lambda: self.types("systemctl is-active machine.target", check=False).stdout.strip() == "active", 60, pause=0.2)
        except BaseException:
            self.stop()
            raise

    def _first_process(self):
        """The id of its systemd, as it is called here, once there is one."""
        children = Path(f"/proc/{self.part.process.pid}/task/{self.part.process.pid}/children").read_text().split()
        is_systemd = children and Path(f"/proc/{children[0]}/cmdline").read_bytes().startswith(b"/lib/systemd/systemd\0")
        return children[0] if is_systemd else None

    def _inside(self, *command):
        return ("nsenter", "--target", self._first_process(), "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup",
                "env", "-i", *ENVIRONMENT, *command)

    def types(self, line, answers="", check=True, timeout=60.0, at="/src", reader=nobody):
        """Types a line of a shell as root, and what the programs ask for. What was shown, and the exit code. `reader`: called with
        what was shown so far, whenever that is more."""
        words = self._words(line, at)
        if not answers and reader is nobody:
            # `--pty` of systemd 252 loses what a short command shows, about once in a hundred times on a busy machine.
            words = words.replace(" --pty", " --pipe")
        ours, theirs = os.openpty()
        with os.fdopen(ours, "r+b", buffering=0) as terminal:
            command = self._inside("setsid", "--ctty", "--wait", "bash", "-c", words)
            process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
            os.close(theirs)
            terminal.write(answers.encode())
            shown = _shown(terminal, process, timeout, reader)
        if process.poll() is None:
            process.kill()
            process.wait()
            raise AssertionError(f"{line} does not end within {timeout:g} s:\n{shown[-4000:]}")
        if check and process.returncode != 0:
            raise AssertionError(f"{line} ended with {process.returncode}:\n{shown[-4000:]}")
        return subprocess.CompletedProcess(line, process.returncode, shown)

    def _words(self, line, at):
        return f"cd {at}\n{self.prelude}\n{line}"

    def terminal(self, line, at="/src"):
        """A line at a terminal at which a person stays."""
        return Terminal(self._inside("setsid", "--ctty", "--wait", "bash", "-c", self._words(line, at)))

    def begins(self, name, line, at="/src"):
        """A line that goes on beside the next ones."""
        return Part(name, self._inside("bash", "-c", self._words(line, at)), self.folder / f"{name}.log")

    def waits_for(self, what, line, seconds=30.0):
        """Until a line ends well; what it printed."""
        return wait_until(what, lambda: (done := self.types(line, check=False)).returncode == 0 and (done.stdout or "done"), seconds, pause=0.2)

    def writes(self, path, text):
        run(*self._inside("sh", "-c", f'mkdir -p "$(dirname {path})" && cat >{path}'), text=text)

    def reads(self, path):
        return run(*self._inside("cat", path)).stdout

    def stop(self):
        if not self.part.stopped:
            self.part.process.kill()  # which ends its first process, and that ends all
            self.part.process.wait()
            self.part.stopped = True
            place = self.folder / "cgroup"
            place.mkdir()
            forget = ("unshare", "--mount", "sh", "-euc", FORGET, "sh", place, self.cgroup)
            wait_until("all of the machine to end", lambda: run(*forget, check=False).returncode == 0)
