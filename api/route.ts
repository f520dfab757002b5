import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { Request as CommandRequest } from '../commands/command.ts';
import type { Rejection } from '../domain/decider.ts';
import type { Permission } from '../domain/permissions.ts';
import type { RejectionCode } from '../domain/rejectionCodes.ts';
import type { RevocationKind } from '../domain/revocation.ts';
import type { KeyHolder, Machine, Person, Principal } from './principal.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * Who may call.
 * `open`: anybody. `session`: somebody signed in. `session-or-key`: an API key too (the only calls a key may make here).
 * A list of permissions: a signed-in person or a service token that holds at least one of them.
 */
export type Access = 'open' | 'session' | 'session-or-key' | readonly Permission[];

/** Who that leaves, for the handler. */
export type CallerOf<A extends Access> = A extends 'open'
  ? Principal
  : A extends 'session'
    ? Person
    : A extends 'session-or-key'
      ? Person | KeyHolder
      : Person | Machine;

/** What a route changes, for the table in docs: the row that says all of it. */
export type CommandRow = {
  readonly command: string;
  readonly stream: string;
  readonly events: readonly string[];
  readonly message: RevocationKind | 'none';
  readonly rejections: readonly RejectionCode[];
};

export type Answer = {
  readonly status: number;
  /** JSON; absent: no body. */
  readonly body?: unknown;
  /** Instead of JSON; the headers say what they are. */
  readonly bytes?: Uint8Array;
  /** Revision of the thing answered; a text where no event of its own made it what it is. */
  readonly etag?: number | string | null;
  /** Of the command's last event. */
  readonly position?: string | null;
  readonly replayed?: boolean;
  /** Several values: a header of that name for each, as cookies need it. */
  readonly headers?: { readonly [name: string]: string | readonly string[] };
  /** Instead of a body: writes the answer itself, for what is streamed. */
  readonly stream?: (response: ServerResponse) => Promise<void>;
};

export type Call<A extends Access, P, Q, B> = {
  readonly caller: CallerOf<A>;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** What was sent to a route that takes bytes; empty for every other. */
  readonly bytes: Uint8Array;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
  /** The envelope for a command of this call: actor, time, idempotency key, If-Match. */
  readonly command: () => CommandRequest;
  /** Where the answer must at least be read up to, from Keyledger-Min-Position. */
  readonly minPosition: string | null;
  readonly incoming: IncomingMessage;
};

type Shape = z.ZodObject | undefined;
type Parsed<S extends Shape> = S extends z.ZodObject ? z.infer<S> : Record<never, never>;

/** One call of the contract: what it takes, who may make it, what it answers and what it does. */
export type Route<
  A extends Access = Access,
  P extends Shape = Shape,
  Q extends Shape = Shape,
  B extends z.ZodType | undefined = z.ZodType | undefined,
> = {
  readonly method: Method;
  /** As in the contract, with `:id` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly access: A;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Media type of the body, where it is not JSON. */
  readonly consumes?: string;
  /** A body of bytes instead, of one of these media types. `limit`: how many at most. */
  readonly takesBytes?: { readonly types: readonly string[]; readonly limit: number };
  /** Bytes of a body; default 65,536. */
  readonly bodyLimit?: number;
  /** What it answers when it succeeds, by status. Null: no body. */
  readonly answers: { readonly [status: number]: z.ZodType | null };
  readonly command?: CommandRow;
  /** Of a call that is no GET and has no CommandRow: why nothing of it is in the log. */
  readonly unlogged?: string;
  /** Codes a reading route refuses with beside those every route can. */
  readonly refuses?: readonly string[];
  /** Also while the caller must change the password first. */
  readonly beforePasswordChange?: true;
  /** Media types, where it is not JSON; of several, the query says which. */
  readonly produces?: string | readonly string[];
  /** Answers everybody alike, so it answers also while nobody can be told who calls: whatever credential comes is not looked at. */
  readonly ignoresCredentials?: true;
  /** What it takes stands in the link: a page of another site and a mail program may post it too, whatever their body says. */
  readonly byLink?: true;
  /**
   * It ends the session that it comes with, so a repeat comes from nobody: what such a repeat is answered where it brings
   * the token of the session that was and the same Idempotency-Key. Null: nothing is known of it.
   */
  readonly afterwards?: (token: string, call: NonNullable<CommandRequest['idempotency']>) => Promise<Answer | null>;
  /** No Idempotency-Key here (sign-in and the like). */
  readonly notIdempotent?: true;
  readonly handle: (
    call: Call<A, Parsed<P>, Parsed<Q>, B extends z.ZodType ? z.infer<B> : undefined>,
  ) => Promise<Answer | Rejection>;
};

/** What documents say of a call. */
export type Described = Omit<Route, 'handle' | 'access'> & {
  /** `key`: of whoever it is that a proxy asks about. */
  readonly access: Access | 'key';
  /** Headers beside those of every call, with what they are. */
  readonly takesHeaders?: { readonly [name: string]: string };
  readonly answersHeaders?: { readonly [name: string]: string };
};

/** Declares a route with its types tied together. */
export const route = <
  const A extends Access,
  P extends Shape = undefined,
  Q extends Shape = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  declared: Route<A, P, Q, B>,
): Route => declared as unknown as Route;
