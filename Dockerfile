# syntax=docker/dockerfile:1
# A small image: one static-as-can-be binary, no shell, no package manager, not root.
#   docker build -t gatepost .
#   docker run -v ./gatepost.toml:/etc/gatepost/gatepost.toml:ro -v gatepost:/var/lib/gatepost -p 1587:1587 gatepost
# Inside a container listeners must be wider than loopback to be reached, so accounts need passwords or address rules.

FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY migrations migrations
RUN cargo build --release --locked --bin gatepost && mkdir -p /state && chmod 0700 /state

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/gatepost /usr/bin/gatepost
COPY --from=build --chown=nonroot:nonroot /state /var/lib/gatepost
ENV STATE_DIRECTORY=/var/lib/gatepost
VOLUME /var/lib/gatepost
EXPOSE 1587 1993 1995
USER nonroot
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s CMD ["/usr/bin/gatepost", "status", "--json"]
ENTRYPOINT ["/usr/bin/gatepost"]
CMD ["run", "--config", "/etc/gatepost/gatepost.toml"]
