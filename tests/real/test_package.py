"""The Debian package, from the line of the guide that makes it to `apt purge`, on a copy of this system that is thrown away.

It exists to show that what is installed works, that an upgrade keeps what an administrator wrote, and that nothing is left in
the end. It refuses to touch the real system: all of it happens in a mount namespace, with / under an overlay in memory.
"""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab.guide import of_sentence, typed

HERE = Path(__file__).resolve().parent
PROJECT, BUILT = HERE.parent.parent, HERE / "clients" / "built"

# "$1": a folder for the overlay, "$2": the packages, old and new, "$3": more programs, behind them what the guide says to type: the line
# that installs the old one, and how it is removed and purged. Each step says its name first.
STEPS = r"""
set -eu
mount -t tmpfs -o size=2g overlay "$1"
mkdir "$1/upper" "$1/work" "$1/system"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/system"
mount --bind "$2" "$1/system/mnt"
tar -C "$1/system" --keep-directory-symlink -xf "$3"
exec chroot "$1/system" /bin/sh -euxc '
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
    unset GATEPOST_CONFIG XDG_CONFIG_HOME XDG_STATE_HOME
    : step install
    cd /mnt
    eval "$1"
    cd /
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
    $2 --yes gatepost
    ! command -v gatepost
    test -s /etc/gatepost/gatepost.toml
    test -s /var/lib/private/gatepost/gatepost.db
    : step purge
    $3 --yes gatepost
    ! test -e /etc/gatepost/gatepost.toml
    ! test -e /var/lib/private/gatepost
    test -s /etc/gatepost/password
    ! ls -d /etc/systemd/system/*/gatepost* /usr/share/doc/gatepost 2>/dev/null
    : step done
' sh "$4" "$5" "$6" </dev/null
"""


class Package(unittest.TestCase):
    beside_others = False

    def made(self, line, options=""):
        """The package that a line makes, with the program that the other tests use."""
        path = f"{BUILT / 'cargo' / 'bin'}:{os.environ['PATH']}"
        made = subprocess.run(
            ["sh", "-c", line], cwd=PROJECT, env={**os.environ, "PATH": path, "DEB": f"--profile dev --fast {options}"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )
        self.assertEqual(made.returncode, 0, made.stdout)
        (deb,) = re.findall(r"^/\S+\.deb$", made.stdout, re.MULTILINE)
        return Path(deb)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="gatepost-package-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def test_the_tool_that_makes_it_is_the_one_that_install_sh_installs_by_the_line_of_the_guide(self):
        line = of_sentence("systemd.md", "cargo install --locked cargo-deb@3.8.0")
        shown = subprocess.run([BUILT / "cargo" / "bin" / "cargo-deb", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual(line, f"cargo install --locked {shown.strip().replace(' ', '@')}")
        self.assertIn(f"hint: {line}", (PROJECT / "Makefile").read_text())

    def test_it_is_built_installed_upgraded_removed_and_purged(self):
        makes, installs = typed("systemd.md")[:2]
        removes, purges = of_sentence("systemd.md", "apt remove"), of_sentence("systemd.md", "apt purge")
        old = self.made(makes)
        (self.folder / "target" / "debian").mkdir(parents=True)
        shutil.copy(old, self.folder / old.relative_to(PROJECT))
        self.made(makes, f"--deb-version 9:1-1 --output {self.folder}/new.deb")
        overlay = self.folder / "overlay"
        overlay.mkdir()
        ran = subprocess.run(
            ["unshare", "--mount", "sh", "-c", STEPS, "sh", overlay, self.folder, BUILT / "machine.tar", installs, removes, purges],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        )
        self.assertEqual(ran.returncode, 0, ran.stdout)
        self.assertTrue(ran.stdout.rstrip().endswith("step done"), ran.stdout)
