# The agent's image: `docker build -t weir .`, then deploy/. Its base is Debian 12 or newer.
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BASE_IMAGE} AS build
# Node and npm of the distribution only start the build: Weir brings the Node that it runs on.
RUN apt-get update \
  && apt-get install -y --no-install-recommends binutils ca-certificates nodejs npm \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /weir
# In steps from what changes least, the same that `npm run build` takes on any machine.
COPY scripts/bootstrap/ scripts/bootstrap/
RUN node -e "import('/weir/scripts/bootstrap/packages.mjs').then((each) => each.installSystemPackages('build'))"
COPY package.json package-lock.json .npmrc ./
COPY native/nft-js/package.json native/nft-js/
RUN node -e "import('/weir/scripts/bootstrap/modules.mjs').then((each) => each.installModules())"
COPY scripts/bootstrap.mjs scripts/
COPY bpf/ bpf/
COPY native/ native/
RUN node scripts/bootstrap.mjs build
COPY LICENSE weir ./
COPY scripts/image.mjs scripts/
COPY src/ src/
RUN node scripts/image.mjs /image

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="weir" \
  org.opencontainers.image.description="Kubernetes node agent in the place of kube-proxy" \
  org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update \
  && apt-get install -y --no-install-recommends libbpf1 libmnl0 libnftables1 libstdc++6 \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/* /var/log/*
COPY --from=build /image/ /
ENTRYPOINT ["/usr/local/bin/weir"]
CMD ["agent"]
