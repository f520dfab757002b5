import type { Reply } from '../core/surroundings.ts';

/** What the verifier's own requests carry. */
export type Server = {
  /** Without a slash at its end. */
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
};

/** One request and its answer. Redirects are refused: the token is for this server alone. */
export const createCall =
  ({ url, headers }: Server) =>
  async (method: 'GET' | 'POST', path: string, body: unknown, signal: AbortSignal): Promise<Reply> => {
    const response = await fetch(url + path, {
      method,
      redirect: 'error',
      signal,
      ...(body === undefined
        ? { headers }
        : { headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const date = Date.parse(response.headers.get('date') ?? '');
    return { status: response.status, body: parsed(text), ...(!Number.isNaN(date) && { date }) };
  };

/** @returns undefined where it is no JSON */
export const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
