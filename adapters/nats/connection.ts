import { type ConnectionOptions, connect, ErrorCode, Events, type NatsConnection, NatsError } from 'nats';
import type { Scheduler } from '../../commands/environment.ts';
import './driver.ts';
import { asFailure, NatsRefused, unavailable } from './errors.ts';

/** The connection while it holds: what is asked over it is answered over it or not at all. */
export type Link = {
  readonly nc: NatsConnection;
  /** @returns what a promise brings @throws Failure bus-unavailable as soon as the link is cut, whatever is still awaited */
  readonly within: <T>(promise: Promise<T>) => Promise<T>;
};

export type Connection = {
  /** @throws Failure bus-unavailable where there is none now */
  readonly link: () => Link;
  /** Calls with the client, now or as soon as there is one. @returns undoes it */
  readonly attach: (use: (nc: NatsConnection) => () => void) => () => void;
  /** Whether the server says so. */
  readonly hasJetStream: () => boolean;
  readonly isClosed: () => boolean;
  /** What was sent is received by the server, what was received is given to subscribers. */
  readonly close: () => Promise<void>;
};

export type Report = (what: string, error?: unknown) => void;

const connectMs = 3_000;
const againMs = 250;
const drainMs = 2_000;

const settings = {
  name: 'keyledger',
  maxReconnectAttempts: -1,
  reconnectTimeWait: againMs,
  reconnectJitter: 100,
  reconnectJitterTLS: 100,
  // A password that is being changed on the server must not end the client for good.
  ignoreAuthErrorAbort: true,
  // A server that stands still is given up after six seconds.
  pingInterval: 2_000,
  maxPingOut: 2,
  timeout: connectMs,
  // A stack for every message costs a fifth of them.
  noAsyncTraces: true,
} satisfies ConnectionOptions;

const refusals: ReadonlySet<string> = new Set([
  ErrorCode.AuthorizationViolation,
  ErrorCode.AuthenticationExpired,
  ErrorCode.AccountExpired,
  ErrorCode.ServerOptionNotAvailable,
  ErrorCode.BadAuthentication,
  ErrorCode.Tls,
]);

/** @returns null where it may yet let us in */
const refusalOf = (name: string, error: unknown): NatsRefused | null => {
  if (!(error instanceof NatsError) || !refusals.has(error.code)) return null;
  const why =
    error.code === ErrorCode.ServerOptionNotAvailable
      ? `${name} has no ${error.message === 'tls' ? 'TLS, on which the URL insists' : error.message}`
      : error.code === ErrorCode.Tls
        ? `TLS with ${name} fails: ${error.message}`
        : `${name} does not let this user in: ${error.message}`;
  return new NatsRefused(why, { cause: error });
};

const linkOver = (nc: NatsConnection) => {
  const waiting = new Set<(error: Error) => void>();
  let lost: Error | null = null;

  // By hand: Promise.race would hang one more reaction on a promise that lives as long as the connection, at every call.
  const settled = <T>(promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (lost !== null) reject(lost);
      waiting.add(reject);
      promise.then(resolve, reject).finally(() => waiting.delete(reject));
    });
  const link: Link = {
    nc,
    within: async (promise) => {
      try {
        return await settled(promise);
      } catch (error) {
        throw asFailure(error);
      }
    },
  };
  const cut = () => {
    lost = unavailable('the connection was lost');
    for (const reject of waiting) reject(lost);
  };
  return { link, cut };
};

/**
 * One client, which reconnects by itself for ever. Where NATS is away at first it is asked again until it is there.
 * @throws NatsRefused where it is there and does not let this user in
 */
export const openConnection = async (
  options: ConnectionOptions,
  parts: { readonly name: string; readonly scheduler: Scheduler; readonly report: Report },
): Promise<Connection> => {
  const { name, scheduler, report } = parts;
  const closing = new AbortController();
  const users = new Set<(nc: NatsConnection) => void>();
  let client: NatsConnection | null = null;
  let current: ReturnType<typeof linkOver> | null = null;

  const watch = async (nc: NatsConnection) => {
    for await (const { type } of nc.status()) {
      if (type === Events.Disconnect && current !== null) {
        current.cut();
        current = null;
        if (!closing.signal.aborted) report(`the connection to ${name} was lost`);
      } else if (type === Events.Reconnect) {
        current = linkOver(nc);
        report(`connected to ${name} again`);
      }
    }
  };

  /** By itself it does not end; if it did, another takes its place. */
  const ended = (why: unknown) => {
    current?.cut();
    current = null;
    client = null;
    if (closing.signal.aborted) return;
    report(`the connection to ${name} has ended`, why);
    tryOn();
  };

  const begin = async () => {
    const nc = await connect({ ...settings, ...options });
    if (closing.signal.aborted) return nc.close();
    client = nc;
    current = linkOver(nc);
    nc.closed().then(ended, ended);
    watch(nc).catch((unexpected: unknown) => report('watching the connection failed', unexpected));
    for (const use of users) use(nc);
  };

  const keepTrying = async () => {
    let told = '';
    for (;;) {
      await scheduler.sleep(againMs, closing.signal);
      if (closing.signal.aborted) return;
      try {
        await begin();
        return report(`connected to ${name}`);
      } catch (error) {
        const why = String(error);
        if (why !== told) report(`${name} cannot be reached`, error);
        told = why;
      }
    }
  };
  // Not awaited at the end: an attempt that hangs must not hold whoever closes.
  const tryOn = () => {
    keepTrying().catch((unexpected: unknown) => report('connecting failed', unexpected));
  };

  try {
    await begin();
  } catch (error) {
    const refusal = refusalOf(name, error);
    if (refusal !== null) throw refusal;
    report(`${name} cannot be reached`, error);
    tryOn();
  }

  return {
    link: () => {
      if (closing.signal.aborted) throw unavailable('the bus is closed');
      if (current === null) throw unavailable(`${name} cannot be reached`);
      return current.link;
    },

    attach: (use) => {
      let undo = () => {};
      const once = (nc: NatsConnection) => {
        undo = use(nc);
      };
      users.add(once);
      if (client !== null) once(client);
      return () => {
        users.delete(once);
        undo();
      };
    },

    hasJetStream: () => client?.info?.jetstream === true,

    isClosed: () => closing.signal.aborted,

    close: async () => {
      closing.abort();
      const nc = client;
      if (nc === null) return;
      if (current !== null) {
        const drained = new AbortController();
        const draining = nc.drain().finally(() => drained.abort());
        await Promise.race([current.link.within(draining), scheduler.sleep(drainMs, drained.signal)]).catch(() => {});
      }
      await nc.close();
    },
  };
};
