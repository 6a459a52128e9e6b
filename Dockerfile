# SPDX-License-Identifier: Apache-2.0
# The scaler in Debian's libraries, for amd64 and arm64. Build it by `make docker-build`, which says
# which version it is. scripts/image-check does what the last stage does where no engine runs.
ARG DEBIAN=debian:12-slim

FROM ${DEBIAN} AS build
WORKDIR /src
COPY scripts/packages scripts/install-packages scripts/
RUN scripts/install-packages build
COPY . .
RUN scripts/build release && strip build/release/keda-gpu-scaler

FROM ${DEBIAN}
COPY scripts/packages /tmp/packages
RUN apt-get update && \
    apt-get install -y --no-install-recommends $(sed -n 's/^runtime: //p' /tmp/packages) && \
    rm -rf /tmp/packages /var/lib/apt/lists/* /var/cache/apt/* /var/log/*
COPY --from=build /src/build/release/keda-gpu-scaler /usr/local/bin/keda-gpu-scaler
# Late, so that another commit leaves the layers above as they are.
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="keda-gpu-scaler" \
      org.opencontainers.image.description="GPU and inference engine signals for KEDA" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# An agent runs as uid 0, which the chart says: the kubelet's socket is root's alone.
USER 65532:65532
EXPOSE 6000 6001 9090 8081
ENTRYPOINT ["/usr/local/bin/keda-gpu-scaler"]
