# One image for worker, feeder and commands; see docs/operating.md.
#
#   docker build --tag ferry .
#   docker build --tag ferry --build-arg FDB_VERSION=7.1.67 .
#
# linux/amd64 only: the package foundationdb ships its binding built for that, and building it needs headers that FoundationDB's
# image does not have. No RUN fetches anything but npm's lock file's packages, so that test/image can run the same commands.
ARG NODE_VERSION=20.20.2
ARG FDB_VERSION=7.3.63

# libfdb_c, in the version of the cluster. A client talks to its own minor version only, and to others through clients in
# /usr/lib/fdb/multiversion.
FROM foundationdb/foundationdb:${FDB_VERSION} AS foundationdb

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY workers workers
COPY producers producers
RUN npm run build

FROM node:${NODE_VERSION}-bookworm-slim AS production-dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:${NODE_VERSION}-bookworm-slim AS ferry
ARG FERRY_VERSION=0.1.0
ARG FERRY_REVISION=
LABEL org.opencontainers.image.title="ferry" \
      org.opencontainers.image.description="Carries Rivet actors' SQLite databases from v1 to v2 storage in FoundationDB" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${FERRY_VERSION}" \
      org.opencontainers.image.revision="${FERRY_REVISION}"
# Two of glibc's arenas, not sixteen: each of a process's threads would leave megabytes that it freed in one of its own.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 FERRY_REVISION=${FERRY_REVISION}
COPY --from=foundationdb /usr/lib/libfdb_c.so /usr/lib/libfdb_c.so
COPY --from=foundationdb /usr/lib/fdb/multiversion /usr/lib/fdb/multiversion
WORKDIR /app
COPY --from=production-dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
# Pages that `ferry campaign report --html` puts into its file.
COPY docs/runbooks docs/runbooks
COPY bin bin
# For `kubectl exec … -- ferry …`.
RUN ["ln", "-s", "/app/bin/ferry.mjs", "/usr/local/bin/ferry"]
# A number, so that Kubernetes can see that it is not root. Nothing is written outside /tmp and what is mounted.
USER 1000:1000
EXPOSE 9464
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["dist/workers/worker.js"]
