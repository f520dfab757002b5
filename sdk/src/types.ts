declare global {
  // What Express's own types (@types/express) read; without them it says nothing to anybody.
  // biome-ignore lint/style/noNamespace: that is how Express's requests are added to
  namespace Express {
    interface Request {
      /** The key that `verifier.express()` let through; absent where no such guard stands before the handler. */
      keyledger?: ValidKey;
    }
  }
}

/** A key that works. Frozen: the same object may be given again. */
export type ValidKey = {
  readonly valid: true;
  /** Id of the key, not its text. */
  readonly keyId: string;
  readonly ownerId: string;
  /** Each `application:action`, no patterns among them; null: any scope. */
  readonly scopes: readonly string[] | null;
  /** What its owner's roles permit in Keyledger itself. */
  readonly permissions: readonly string[];
  /** When the key ends by itself, RFC 3339; null: never. */
  readonly expiresAt: string | null;
  /** Of the log, as of which it works. Opaque: later ones compare greater as text. */
  readonly position: string;
};

/**
 * Why a key does not work, the first reason that holds:
 * `malformed` it can be no key; `not-found` nobody has made it; `owner-inactive` its owner is turned off or deleted;
 * `revoked`; `expired`; `api-keys-disabled` all keys are turned off; `role-not-permitted` its owner's roles permit none;
 * `insufficient-scope` it lacks a scope that was asked for.
 */
export type InvalidCode =
  | 'malformed'
  | 'not-found'
  | 'owner-inactive'
  | 'revoked'
  | 'expired'
  | 'api-keys-disabled'
  | 'role-not-permitted'
  | 'insufficient-scope';

/** A key that does not work, or not for this. */
export type InvalidKey =
  | { readonly valid: false; readonly code: Exclude<InvalidCode, 'insufficient-scope'> }
  | {
      readonly valid: false;
      readonly code: 'insufficient-scope';
      /** The scopes that it lacks, of those asked for. */
      readonly missing: readonly string[];
    };

/** Why something must be forgotten. */
export type RevocationReason =
  | 'owner'
  | 'administrator'
  | 'incident'
  | 'leak'
  | 'expired'
  | 'rotated'
  | 'replaced'
  | 'unused'
  | 'scopes-changed'
  | 'expiry-changed'
  | 'roles-changed'
  | 'owner-deactivated'
  | 'owner-deleted'
  | 'role-defined'
  | 'role-removed'
  | 'policy-changed'
  | 'scope-catalog-changed'
  | 'epoch-opened';

/**
 * One fact of the feed: of a key, of all keys of an owner, or of all keys something must be forgotten and asked for again.
 * Times are RFC 3339; positions are opaque, and later ones compare greater as text.
 */
export type RevocationMessage = {
  /** Where in the log it stands. */
  readonly position: string;
  /** Where the message before it stands; null for the first. */
  readonly previous: string | null;
  /** Id of the log: another one after Keyledger was restored from an older copy. */
  readonly epoch: string;
  /** Id of the event. */
  readonly id: string;
  /** `ended`: for good; `recheck`: rights changed. */
  readonly effect: 'ended' | 'recheck';
  readonly reason: RevocationReason;
  /** When it was decided. */
  readonly at: string;
  /** From when the right is gone: later than `at` only for a rotation with grace. */
  readonly effectiveAt: string;
} & (
  | { readonly kind: 'key'; readonly keyId: string; readonly ownerId?: never }
  | { readonly kind: 'owner'; readonly ownerId: string; readonly keyId?: never }
  | { readonly kind: 'all'; readonly keyId?: never; readonly ownerId?: never }
);

/**
 * `live`: memory says yes. `catching-up`: every use asks the server. `stale`: no word for `maxSilenceMs` and the server
 * does not answer: nobody can tell.
 */
export type State = 'live' | 'catching-up' | 'stale';

/** What a use of a key asks for. */
export type Question = {
  /** All of which the key must have, 100 at most; each `application:action`. None: any key that works will do. */
  readonly scopes?: readonly string[] | undefined;
  /** The address that sent the key, for its last use; what is no address is left out. */
  readonly ip?: string | undefined;
  /** What sent the key, for its last use; 1,024 characters are kept. */
  readonly userAgent?: string | undefined;
};

/** Which scopes a call needs, all of them, 100 at most; each `application:action`. */
export type Needs = { readonly scopes?: readonly string[] | undefined };

/** A request that was let through. */
export type Guarded = { keyledger?: ValidKey };

/** What is looked at of a request: node:http's has it, and Express's, and that of `node:http2`. */
export type GuardedRequest = Guarded & {
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined;
  /** Express's word on who sent it, by its setting `trust proxy`. */
  readonly ip?: string | undefined;
};

/** What is needed of a response: node:http's has it, and Express's, and that of `node:http2`. */
export type GuardedResponse = {
  readonly headersSent: boolean;
  writeHead(status: number, headers: { [name: string]: string }): unknown;
  end(body: string): unknown;
};

/** For Express, and anything else that calls `(request, response, next)`. */
export type Middleware = (request: GuardedRequest, response: GuardedResponse, next: (error?: unknown) => void) => void;

/** How NATS is reached, and as whom. */
export type NatsFeed = {
  /** `nats://host:4222`, or `tls://…`; several servers of one cluster separated by commas; `nats://user:password@…` too. */
  readonly nats: string;
  /**
   * The text of a credentials file, or options of the client's `connect`, such as `{user, pass}`, `{token}`,
   * `{tls: {caFile}}`. The user needs no more than to subscribe to `keyledger.revocations.>` and `keyledger.heartbeat`.
   */
  readonly credentials?: string | { readonly [option: string]: unknown } | undefined;
};

/** What `createVerifier` takes. */
export type VerifierOptions = {
  /** Where Keyledger answers: `https://keys.example.com`, with a path where it stands under one. */
  readonly url: string | URL;
  /** A service token with the permissions `verify` and `revocations:read`. It is sent to `url` and nowhere else. */
  readonly token: string;
  /** What this service is called, for instance `billing`; default `verifier`. It begins the default of `instance`. */
  readonly name?: string | undefined;
  /**
   * Names this process where administrators look who confirmed a revocation: 1 to 128 visible ASCII characters, of which
   * no two processes with the same token may have the same. Default: `name` and a random text made when this process
   * loaded the package, nothing of the machine. Give one that outlives a restart, a pod's name for instance, and the
   * process that comes back is known as the one it was.
   */
  readonly instance?: string | undefined;
  /** How revocations come: default `'sse'`, from the same server; or by NATS, which needs the package `nats`. */
  readonly feed?: 'sse' | NatsFeed | undefined;
  /** Keys remembered at most, 1 to 10,000,000; default 100,000, some 50 MB. The one used longest ago makes room. */
  readonly cacheSize?: number | undefined;
  /** For how many milliseconds memory may say yes without a word from a server that does not answer; default 15,000. */
  readonly maxSilenceMs?: number | undefined;
  /** Whether there may be keys that were imported: then no text is malformed before it was asked for; default false. */
  readonly importedKeys?: boolean | undefined;
};

/** How a verifier is at this moment. */
export type Status = {
  readonly state: State;
  /** Every revocation up to here was heard. Null: not connected yet. */
  readonly position: string | null;
  /** The furthest position that the server spoke of. Null: not connected yet. */
  readonly head: string | null;
  /** When anything was last heard over the feed, by this machine's clock, RFC 3339; null: nothing yet. */
  readonly lastHeardAt: string | null;
  /** Keys remembered. */
  readonly cached: number;
};

/** Verifies keys inside this process; see `createVerifier`. */
export type Verifier = {
  /** Its name among those that confirm revocations; see the option of that name. */
  readonly instance: string;
  /**
   * Resolves when it is connected and knows where it stands. It may be called again after it has rejected: the verifier
   * goes on trying.
   * @throws VerifierUnavailable `stale` where that takes longer than `maxSilenceMs`, with what went wrong last as its
   * `cause`; `unauthenticated`, `forbidden` where the token is refused; `closed`
   * @throws Error where the package `nats` is needed and not installed
   */
  readonly ready: () => Promise<void>;
  /**
   * Whether a key works, and may do all of `scopes`. It may be called before `ready`: then it asks the server.
   * @param key as it was sent; nothing is trimmed
   * @throws VerifierUnavailable where nobody can tell: answer 503
   * @throws TypeError where a scope is malformed, or something unknown is asked for
   */
  readonly verify: (key: string, question?: Question) => Promise<ValidKey | InvalidKey>;
  /**
   * Lets through who sent a key (`Authorization: Bearer KEY` or `X-API-KEY: KEY`) that works and has the scopes;
   * `request.keyledger` is the key. Answers all others with problem+json (RFC 9457): 401, 403 where a scope is missing,
   * 400 where both headers name different keys, 503 where nobody can tell. For Express and anything else that calls
   * `(request, response, next)`.
   * @throws TypeError where a scope is malformed, or something unknown is asked for
   */
  readonly express: (needs?: Needs) => Middleware;
  /**
   * The same for servers that take a Request: the key, or the Response that refuses it.
   * @param needs also `ip`, the address that sent the request, which a Request does not tell
   * @throws TypeError where a scope is malformed, or something unknown is asked for
   */
  readonly handle: (
    request: Pick<Request, 'headers'>,
    needs?: Needs & { readonly ip?: string | undefined },
  ) => Promise<ValidKey | Response>;
  /** How it is at this moment; asks nobody. */
  readonly status: () => Status;
  /**
   * Calls a listener: with `revoked` for each message of the feed, once, after it was taken in; with `state` for each
   * change of it. What a listener throws is an uncaught exception of the process, as of any event.
   * @returns ends it @throws TypeError where there is no such event
   */
  readonly on: {
    (event: 'revoked', listener: (message: RevocationMessage) => void): () => void;
    (event: 'state', listener: (state: State) => void): () => void;
  };
  /**
   * Reports what is not reported yet, says that this instance ends, and ends everything; takes at most 2 s. Until then
   * the verifier keeps the process alive, as a server does. What is asked afterwards is VerifierUnavailable, `closed`.
   */
  readonly close: () => Promise<void>;
};
