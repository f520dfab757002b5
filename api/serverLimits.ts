import type { IncomingMessage, Server } from 'node:http';

/** Options for http.createServer: how long a sender may take, and how much it may send before a handler is asked. */
export const serverLimits = {
  /** Milliseconds for a whole request, its body included: whoever sends a byte a minute is cut off. */
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  /** Longer than proxies keep idle connections, so that they are the ones to close them. */
  keepAliveTimeout: 65_000,
  /** How often the two limits are looked at. */
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16_384,
  /** A header sent twice, a credential for instance, is never taken for its first value alone. */
  joinDuplicateHeaders: true,
  /** Looked at here, so that the answer is a problem like any other. */
  requireHostHeader: false,
} as const;

/** Longer than anybody waits for an answer, streams included: those say something every second. */
const stalledMs = 120_000;

/**
 * Ends connections on which nothing moves any more. Whoever asks for much and never reads it would otherwise keep it in
 * memory for as long as they like; who reads slowly, but reads, goes on.
 */
export const endStalled = (server: Server, ms: number = stalledMs): void => {
  server.setTimeout(ms);
};

/** Every request of HTTP/1.1 names one host. */
export const hasOneHost = ({ headers: { host }, httpVersion }: IncomingMessage): boolean =>
  host === undefined ? httpVersion !== '1.1' : !host.includes(',');
