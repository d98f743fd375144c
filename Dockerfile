# Two stages: the Swift toolchain builds a binary with the Swift runtime inside, Debian runs it.
# No secret is part of the image: encryption.key and .env are left out by .dockerignore, and a node in a
# container takes its key from DYNA_ENCRYPTION_KEY_FILE. README.md, "In a container", shows how.
ARG BUILDER=swift:6.3-bookworm
ARG RUNTIME=debian:12-slim

FROM ${BUILDER} AS build
RUN apt-get update -q && apt-get install -y -q --no-install-recommends libssl-dev libsqlite3-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --static-swift-stdlib --product dynaswift \
 && strip -o /dynaswift .build/release/dynaswift

FROM ${RUNTIME}
RUN apt-get update -q && apt-get install -y -q --no-install-recommends libssl3 libsqlite3-0 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 6660 --gid 0 --no-log-init --no-create-home --home-dir /data --shell /usr/sbin/nologin dynaswift \
 && install -d -o 6660 -g 0 -m 2770 /data
COPY --from=build /dynaswift /usr/local/bin/dynaswift
USER 6660:0
# Group 0 owns /data too: a container started with `--user UID:0` can write there whatever the UID is.
ENV DYNA_DATA_DIR=/data
VOLUME /data
WORKDIR /data
EXPOSE 6660
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["dynaswift", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["dynaswift"]
CMD ["0.0.0.0:6660"]
