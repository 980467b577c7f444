"""The Debian package, from `make deb` to `apt purge`, on a copy of this system that is thrown away.

It exists to show that what is installed works, that an upgrade keeps what an administrator wrote, and that nothing is left in
the end. It refuses to touch the real system: all of it happens in a mount namespace, with / under an overlay in memory.
"""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent

# "$1": a folder for the overlay, "$2": the packages, old and new. Each step says its name first.
STEPS = r"""
set -eu
mount -t tmpfs -o size=2g overlay "$1"
mkdir "$1/upper" "$1/work" "$1/system"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/system"
mount --bind "$2" "$1/system/mnt"
exec chroot "$1/system" /bin/sh -euxc '
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
    unset GATEPOST_CONFIG XDG_CONFIG_HOME XDG_STATE_HOME
    cd /
    : step install
    dpkg --install /mnt/old.deb
    gatepost --version
    gatepost config check --config /etc/gatepost/gatepost.toml
    test -s /usr/share/man/man1/gatepost.1.gz
    test -s /usr/share/man/ja/man1/gatepost.1.gz
    test -s /usr/share/bash-completion/completions/gatepost
    test -s /usr/share/doc/gatepost/copyright
    systemd-analyze verify /lib/systemd/system/gatepost.service /lib/systemd/system/gatepost.socket
    : step use
    echo "# mine" >>/etc/gatepost/gatepost.toml
    echo other >/etc/gatepost/password
    mkdir -p /var/lib/private/gatepost
    echo sealed >/var/lib/private/gatepost/gatepost.db
    : step upgrade
    dpkg --install /mnt/new.deb </dev/null
    test "$(dpkg-query --show --showformat="\${Version}" gatepost)" = 9:1-1
    tail -n 1 /etc/gatepost/gatepost.toml | grep -qx "# mine"
    test -s /var/lib/private/gatepost/gatepost.db
    : step remove
    dpkg --remove gatepost
    ! command -v gatepost
    test -s /etc/gatepost/gatepost.toml
    test -s /var/lib/private/gatepost/gatepost.db
    : step purge
    dpkg --purge gatepost
    ! test -e /etc/gatepost/gatepost.toml
    ! test -e /var/lib/private/gatepost
    test -s /etc/gatepost/password
    ! ls -d /etc/systemd/system/*/gatepost* /usr/share/doc/gatepost 2>/dev/null
    : step done
'
"""


class Package(unittest.TestCase):
    beside_others = False

    def made(self, name, *options):
        """`make deb`, with the program that the other tests use."""
        deb = self.folder / f"{name}.deb"
        path = f"{HERE / 'clients' / 'built' / 'cargo' / 'bin'}:{os.environ['PATH']}"
        words = f"--profile dev --fast --output {deb} {' '.join(options)}"
        made = subprocess.run(
            ["make", "--silent", "deb", f"DEB={words}"], cwd=PROJECT, env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )
        self.assertEqual(made.returncode, 0, made.stdout)
        self.assertTrue(deb.exists(), made.stdout)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="gatepost-package-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def test_it_is_built_installed_upgraded_removed_and_purged(self):
        self.made("old")
        self.made("new", "--deb-version", "9:1-1")
        overlay = self.folder / "overlay"
        overlay.mkdir()
        ran = subprocess.run(
            ["unshare", "--mount", "sh", "-c", STEPS, "sh", overlay, self.folder],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        )
        self.assertEqual(ran.returncode, 0, ran.stdout)
        self.assertTrue(ran.stdout.rstrip().endswith("step done"), ran.stdout)
