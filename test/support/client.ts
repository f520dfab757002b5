import { initialPassword, type Server } from './server.ts';

export type Response = {
  /** Scheme, host and port of who answered. */
  readonly by: string;
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads from an answer it asserts
  readonly body: any;
};

type Call = { readonly headers?: { readonly [name: string]: string }; readonly body?: unknown; readonly raw?: string };

/** A caller with cookies of its own, as a browser has. */
export type Client = {
  readonly call: (method: string, path: string, call?: Call) => Promise<Response>;
  readonly get: (path: string, headers?: Call['headers']) => Promise<Response>;
  readonly post: (path: string, body?: unknown, headers?: Call['headers']) => Promise<Response>;
  readonly patch: (path: string, body: unknown, headers?: Call['headers']) => Promise<Response>;
  readonly put: (path: string, body: unknown, headers?: Call['headers']) => Promise<Response>;
  readonly delete: (path: string, headers?: Call['headers']) => Promise<Response>;
};

/** Where calls go. `url`: asked for with every call. */
export type Target = {
  readonly url: string;
  /** Of several processes that answer in turn: every one of them knows what any of them has answered before. */
  readonly known?: { position: string | null };
};

const parse = (text: string, type: string | null) =>
  text !== '' && /\bjson\b/.test(type ?? '') ? JSON.parse(text) : text;

/** The later of two positions. */
const later = (a: string | null, b: string | null) => (a === null || (b !== null && b > a) ? b : a);

/** @param always headers of every call, such as a service token's */
export const clientOf = (server: Target, always: Call['headers'] = {}): Client => {
  const cookies = new Map<string, string>();
  const { known } = server;
  const once: Client['call'] = async (method, path, { headers = {}, body, raw } = {}) => {
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(`${server.url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(sent !== undefined && { 'content-type': 'application/json' }),
        ...(cookies.size > 0 && { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }),
        ...(known?.position && method === 'GET' && { 'keyledger-min-position': known.position }),
        ...always,
        ...headers,
      },
      ...(sent !== undefined && { body: sent }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      const at = pair.indexOf('=');
      if (/max-age=0/i.test(cookie)) cookies.delete(pair.slice(0, at));
      else cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    const text = await response.text();
    if (known) known.position = later(known.position, response.headers.get('keyledger-position'));
    return {
      by: new URL(response.url).origin,
      status: response.status,
      headers: response.headers,
      body: parse(text, response.headers.get('content-type')),
    };
  };
  const call: Client['call'] = async (...args) => {
    for (let tries = 1; ; tries += 1) {
      const response = await once(...args);
      const early = known !== undefined && response.status === 503 && response.body.code === 'not-caught-up';
      if (!early || tries === 10) return response;
    }
  };
  return {
    call,
    get: (path, headers = {}) => call('GET', path, { headers }),
    post: (path, body = {}, headers = {}) => call('POST', path, { headers, body }),
    patch: (path, body, headers = {}) => call('PATCH', path, { headers, body }),
    put: (path, body, headers = {}) => call('PUT', path, { headers, body }),
    delete: (path, headers = {}) => call('DELETE', path, { headers }),
  };
};

/** @throws with the answer where it is another status */
export const expectStatus = (response: Response, status: number): Response => {
  if (response.status === status) return response;
  throw new Error(`expected ${status}, got ${response.status}: ${JSON.stringify(response.body)}`);
};

export const signIn = async (server: Target, email: string, password: string): Promise<Client> => {
  const client = clientOf(server);
  expectStatus(await client.post('/v1/session', { email, password }), 200);
  return client;
};

export const adminPassword = 'correct horse battery staple';

/** Settings under which the first administrator has this password from the start: there is nothing to be changed first. */
export const knownAdministrator = {
  KEYLEDGER_ADMIN_EMAIL: 'admin@localhost',
  KEYLEDGER_ADMIN_PASSWORD: adminPassword,
} as const;

/** The first administrator, after the first sign-in and the change of password that it asks for. */
export const firstAdministrator = async (server: Server): Promise<Client> => {
  const currentPassword = initialPassword(server);
  const client = await signIn(server, 'admin@localhost', currentPassword);
  const change = { currentPassword, newPassword: adminPassword, confirmPassword: adminPassword };
  expectStatus(await client.post('/v1/profile/password', change), 204);
  return client;
};

/** A caller with a new service token of these permissions. */
export const serviceWith = async (server: Target, admin: Client, permissions: readonly string[]): Promise<Client> => {
  const made = expectStatus(
    await admin.post('/v1/admin/service-tokens', { name: permissions.join(' '), permissions }),
    201,
  );
  return clientOf(server, { authorization: `Bearer ${made.body.token}` });
};
