# syntax=docker/dockerfile:1
# A small image: the program, the C library, the roots of TLS. No shell, no package manager, not root.
# docs/docker.md tells how to run it, with a root file system that is read-only.

FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# What .dockerignore lets through: what the build needs, and nothing else.
COPY . .
RUN cargo build --release --locked --bin gatepost
RUN sh packaging/image-root.sh target/release/gatepost /image && install -d -m 0700 /state
# A device with little room pulls it too: 40 MB are the most that it may become.
RUN test "$(du -sb /image | cut -f1)" -lt 40000000

FROM scratch
COPY --from=build /image /
# The only place that the program writes to. A new volume takes over owner and mode.
COPY --from=build --chown=65532:65532 /state /var/lib/gatepost
ENV STATE_DIRECTORY=/var/lib/gatepost
VOLUME /var/lib/gatepost
EXPOSE 1587 1993 1995
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
STOPSIGNAL SIGTERM
# Asks the running daemon alone: a file that was spoilt since it was read stops nothing before the next start.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["/usr/bin/gatepost", "status", "--alive"]
ENTRYPOINT ["/usr/bin/gatepost"]
CMD ["run"]
