import { createPublicKey, type KeyObject, verify as verifySignature } from 'node:crypto';
import type { FeedPlace, Hearing, Reply } from '../core/surroundings.ts';
import type { NatsFeed } from '../types.ts';
import { createInbox, heartbeats, messages } from './inbox.ts';
import { createSigned } from './signed.ts';

const connectMs = 2_000;
const keysMs = 2_000;

// What RFC 8410 puts before the 32 bytes of a public key, in DER.
const derHead = Buffer.from('302a300506032b6570032100', 'hex');
const keyObjects = new WeakMap<Uint8Array, KeyObject>();

/** Ed25519 by Node. */
export const verifyEd25519 = (publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean => {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  let key = keyObjects.get(publicKey);
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([derHead, publicKey]), format: 'der', type: 'spki' });
    keyObjects.set(publicKey, key);
  }
  return verifySignature(null, data, key, signature);
};

/** @throws TypeError that does not hold the text: there may be a password in it */
const addressOf = (text: string) => {
  const scheme = /^\w+:\/\//.exec(text)?.[0] ?? 'nats://';
  const parts = text.split(',').map((part) => (part.includes('://') ? part : scheme + part));
  if (!parts.every((part) => URL.canParse(part))) throw new TypeError('createVerifier: feed.nats is nats://host:port');
  const urls = parts.map((part) => new URL(part));
  const { username, password } = urls.find((url) => url.username !== '') ?? urls[0]!;
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port || 4222}`),
    ...(user !== '' && (pass === '' ? { token: user } : { user, pass })),
    ...(scheme === 'tls://' && { tls: {} }),
  };
};

/**
 * The feed over NATS: a plain subscription, every message signed. What came before it, or is lost, is read over HTTP.
 * @param load gives the package `nats`
 */
export const createNatsFollow = (
  feed: NatsFeed,
  parts: {
    readonly load: () => Promise<typeof import('nats')>;
    readonly name: string;
    readonly call: (method: 'GET', path: string, body: undefined, signal: AbortSignal) => Promise<Reply>;
    readonly monotonic: () => number;
    readonly wall: () => number;
  },
) => {
  const { load, name, call, monotonic, wall } = parts;
  const address = addressOf(feed.nats);

  const signed = createSigned({
    monotonic,
    wall,
    verify: verifyEd25519,
    fetchKeys: async () => {
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), keysMs);
      try {
        return (await call('GET', '/v1/revocations/signing-key', undefined, stop.signal)).body;
      } finally {
        clearTimeout(timer);
      }
    },
  });

  return (_: FeedPlace, hearing: Hearing): (() => void) => {
    const inbox = createInbox(signed, hearing);
    let ended = false;
    let leave = () => {};

    const follow = async (): Promise<never> => {
      await signed.load();
      const { connect, credsAuthenticator } = await load();
      const { credentials = {} } = feed;
      const login =
        typeof credentials === 'string'
          ? { authenticator: credsAuthenticator(new TextEncoder().encode(credentials)) }
          : credentials;
      const client = await connect({
        // Another connection is another's business: what was missed meanwhile must be read.
        reconnect: false,
        timeout: connectMs,
        pingInterval: 2_000,
        maxPingOut: 2,
        name,
        ...address,
        ...login,
      });
      // That it ends badly is nobody's concern: it is over.
      leave = () => void client.close().catch(() => {});
      if (ended) leave();
      let refused: Error | null = null;
      for (const subject of [messages, heartbeats]) {
        client.subscribe(subject, {
          callback: (error, message) => {
            // Not allowed to listen there: a connection that hears nothing is none.
            if (error !== null) {
              refused = error;
              leave();
            } else inbox(message.subject, message.data, message.headers?.get('Keyledger-Signature'));
          },
        });
      }
      await client.flush();
      hearing.opened(false);
      const why = await client.closed();
      throw refused ?? why ?? new Error('the connection to NATS was closed');
    };

    follow().catch((error: unknown) => {
      leave();
      const isRefused = (error as { code?: unknown } | null)?.code === 'AUTHORIZATION_VIOLATION';
      hearing.closed(isRefused ? 401 : undefined, error);
    });
    return () => {
      ended = true;
      leave();
    };
  };
};
