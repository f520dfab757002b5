# Packages as package-lock.json has them, and among them Node itself: the one that every test runs on. The base brings npm.
FROM node:24.19.0-bookworm-slim AS packages
WORKDIR /keyledger
COPY package.json package-lock.json .npmrc ./
# Of all install scripts only the one that brings Node is run; what it unpacked stays out.
RUN npm ci --omit=dev --ignore-scripts && npm rebuild node && rm -rf node_modules/node/node_modules

FROM debian:12.15-slim
# For whoever runs it embedded, with a volume here. With EventStoreDB, MongoDB and given keys nothing is written at all.
RUN install -d -o 10001 -g 10001 -m 700 /data
WORKDIR /keyledger
COPY --from=packages /keyledger/node_modules ./node_modules
COPY package.json LICENSE ./
COPY domain ./domain
COPY commands ./commands
COPY projections ./projections
COPY workers ./workers
COPY api ./api
COPY adapters ./adapters
COPY main ./main
COPY deploy/ready.mjs deploy/keepCode.mjs ./deploy/
ENV NODE_ENV=production PATH=/keyledger/node_modules/.bin:$PATH KEYLEDGER_HOST=0.0.0.0 KEYLEDGER_DATA=/data
# Types are stripped once, here: at a start each thread would load the compiler, a third of a second and 60 MB.
RUN install -d -o 10001 -g 10001 node_modules/.cache/keyledger
USER 10001:10001
RUN ["node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=16", "deploy/keepCode.mjs"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=2m --start-interval=1s --retries=3 CMD ["node", "deploy/ready.mjs"]
# What V8 sets aside for young objects: 32 MB, where it may take 134. No call is slower for it.
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=16", "main/keyledger.mjs"]
CMD ["serve"]
