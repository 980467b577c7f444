"""An engine of containers on a machine of a test: Podman behind the name of Docker, and what it would pull from a registry.

It exists so that the Dockerfile is built and its image run, without a registry. In the place of the image that it builds on stands one
of this system's own tools, with an apt-get that fetches nothing and a cargo that hands over the program that is tested. It refuses to
need more of a kernel than a CI has: no cgroups, no eBPF.
"""

import re

from .machine import ROOT

# By the Dockerfile, all that its first stage calls.
TOOLS = "sh bash cp mkdir grep install du cut rm ldd"
# 40 MB are the most that a release may become; what is tested is a build for debugging.
SIZE = 'RUN test "$(du -sb /image'

FILES = {
    "/etc/containers/registries.conf": 'unqualified-search-registries = ["docker.io"]\n',
    "/etc/containers/containers.conf": '[network]\nnetwork_backend = "netavark"\n[containers]\ncgroups = "disabled"\n',
    # As Docker does, and as root without its default of an own cgroup for each step.
    "/usr/local/bin/docker": '#!/bin/sh\nexport BUILDAH_FORMAT=docker BUILDAH_ISOLATION=chroot\nexec podman "$@"\n',
}

BASE = r"""
mkdir -p /srv/base/opt /srv/base/tmp /srv/base/etc/ssl/certs /srv/base/usr/bin /srv/base/usr/lib /srv/base/usr/lib64
cd /srv/base
for folder in bin lib lib64; do ln -s usr/$folder $folder; done
cp /src/target/release/gatepost opt/
cp -L /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/
for tool in TOOLS; do cp -L "$(command -v $tool)" usr/bin/; done
for file in usr/bin/* opt/gatepost; do
    for library in $(ldd $file 2>/dev/null | grep -o '/[^ ]*'); do mkdir -p .${library%/*} && cp -L $library .$library; done
done
echo '#!/bin/sh' >usr/bin/apt-get
printf '#!/bin/sh\nmkdir -p target/release && cp /opt/gatepost target/release/gatepost\n' >usr/bin/cargo
chmod 755 usr/bin/*
tar -c . | podman import - IMAGE
""".replace("TOOLS", TOOLS)


def prepare(machine):
    """The engine, with the image that the Dockerfile builds on."""
    for path, text in FILES.items():
        machine.types(f"rm -f {path}")
        machine.writes(path, text)
    machine.types("chmod 755 /usr/local/bin/docker")
    text = (ROOT / "Dockerfile").read_text()
    (image,) = re.findall(r"(?m)^FROM (\S+) AS build$", text)
    machine.types(BASE.replace("IMAGE", f"docker.io/library/{image}"))
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(SIZE)]
    assert len(kept) == len(lines) - 1, "the Dockerfile has another bound of its size"
    machine.writes("/src/Dockerfile", "".join(kept))
