import type { IncomingMessage, ServerResponse } from 'node:http';

/** A key that works. Frozen: the same object may be given again. */
export type ValidKey = {
  readonly valid: true;
  readonly keyId: string;
  readonly ownerId: string;
  /** Concrete; null: any scope. */
  readonly scopes: readonly string[] | null;
  readonly permissions: readonly string[];
  /** RFC 3339; null: it has no end. */
  readonly expiresAt: string | null;
  /** Of the log, as of which it works. */
  readonly position: string;
};

/** A key that does not. */
export type InvalidKey = {
  readonly valid: false;
  /** malformed, not-found, owner-inactive, revoked, expired, api-keys-disabled, role-not-permitted, insufficient-scope */
  readonly code: string;
  /** The scopes that it lacks, with insufficient-scope. */
  readonly missing?: readonly string[];
};

/** One fact of the feed: something must be forgotten and asked for again. Times are RFC 3339, positions opaque. */
export type RevocationMessage = {
  /** Its position in the log, and that of the message before it; null for the first. */
  readonly position: string;
  readonly previous: string | null;
  /** Id of the log. */
  readonly epoch: string;
  /** Id of the event. */
  readonly id: string;
  readonly kind: 'key' | 'owner' | 'all';
  /** `ended`: final; `recheck`: rights changed. */
  readonly effect: 'ended' | 'recheck';
  readonly keyId?: string;
  readonly ownerId?: string;
  readonly reason: string;
  /** When it was decided. */
  readonly at: string;
  /** From when the right is gone: later than `at` only for a rotation with grace. */
  readonly effectiveAt: string;
};

/** `live`: memory says yes. `catching-up`: every use asks the server. `stale`: nobody can tell. */
export type State = 'live' | 'catching-up' | 'stale';

export type Question = {
  /** All of which the key must have; each `application:action`. */
  readonly scopes?: readonly string[] | undefined;
  /** Address and user agent of whoever sent the key, for its last use. */
  readonly ip?: string | undefined;
  readonly userAgent?: string | undefined;
};

/** Which scopes a call needs, all of them; each `application:action`. */
export type Needs = { readonly scopes?: readonly string[] };

/** A request that was let through. */
export type Guarded = { keyledger?: ValidKey };

/** For Express, and any other that calls `(request, response, next)`. */
export type Middleware = (
  request: IncomingMessage & Guarded & { readonly ip?: string | undefined },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** How NATS is reached, and as whom. */
export type NatsFeed = {
  /** `nats://host:4222`, or `tls://…`; several servers of one cluster separated by commas; `nats://user:password@…` too. */
  readonly nats: string;
  /**
   * The text of a credentials file, or options of the client's `connect`, such as `{user, pass}`, `{token}`,
   * `{tls: {caFile}}`. The user needs no more than to subscribe to `keyledger.revocations.>` and `keyledger.heartbeat`.
   */
  readonly credentials?: string | { readonly [option: string]: unknown };
};

export type VerifierOptions = {
  /** Where Keyledger answers, for instance `https://keys.example.com`. */
  readonly url: string | URL;
  /** A service token with the permissions `verify` and `revocations:read`. */
  readonly token: string;
  /** What this service is called: it names this process among others with the same token. */
  readonly name?: string;
  /** Names this process exactly, where its name, host and process id would not do: 1 to 128 visible ASCII characters. */
  readonly instance?: string;
  /** How revocations come: `'sse'`, over the same server, or by NATS, which needs the package `nats`. */
  readonly feed?: 'sse' | NatsFeed;
  /** Keys remembered at most; 100,000. */
  readonly cacheSize?: number;
  /** For how long memory may say yes without a word from a server that does not answer: milliseconds; 15,000. */
  readonly maxSilenceMs?: number;
  /** Whether there may be keys that were imported: then no text is malformed before it was asked for. */
  readonly importedKeys?: boolean;
};

export type Status = {
  /** `live`: memory says yes. `catching-up`: every use asks the server. `stale`: nobody can tell. */
  readonly state: State;
  /** Every revocation up to here was heard. Null: not connected yet. */
  readonly position: string | null;
  /** The furthest position that the server spoke of. */
  readonly head: string | null;
  /** When anything was last heard, RFC 3339; null: nothing yet. */
  readonly lastHeardAt: string | null;
  /** Keys remembered. */
  readonly cached: number;
};

export type Verifier = {
  /**
   * Resolves when it is connected and knows where it stands. It may be called again after it has rejected: the verifier
   * goes on trying.
   * @throws VerifierUnavailable where that takes longer than `maxSilenceMs` (`stale`), or the token is refused
   */
  readonly ready: () => Promise<void>;
  /**
   * Whether a key works, and may do all of `scopes`.
   * @param key as it was sent; nothing is trimmed
   * @throws VerifierUnavailable where nobody can tell: answer 503 @throws TypeError where a scope is none
   */
  readonly verify: (key: string, question?: Question) => Promise<ValidKey | InvalidKey>;
  /**
   * Lets through who sent a key (`Authorization: Bearer KEY` or `X-API-KEY: KEY`) that works and has the scopes;
   * `request.keyledger` is the key. Answers all others with problem+json: 401, 403 where a scope is missing, 503 where
   * nobody can tell. For Express and anything else that calls `(request, response, next)`.
   * @throws TypeError where a scope is none
   */
  readonly express: (needs?: Needs) => Middleware;
  /**
   * The same for servers that take a Request: the key, or the Response that refuses it.
   * @param needs also `ip`, the address that sent the request, which a Request does not tell
   */
  readonly handle: (
    request: Request,
    needs?: Needs & { readonly ip?: string | undefined },
  ) => Promise<ValidKey | Response>;
  readonly status: () => Status;
  /** `revoked`: each message of the feed, once. `state`: each change of it. @returns ends it */
  readonly on: {
    (event: 'revoked', listener: (message: RevocationMessage) => void): () => void;
    (event: 'state', listener: (state: State) => void): () => void;
  };
  /** Reports what is not reported yet and ends everything; takes up to 2 s where the server does not answer. */
  readonly close: () => Promise<void>;
};
