import type { Reply } from '../core/surroundings.ts';

/** What the verifier's own requests carry. */
export type Server = {
  /** Without a slash at its end. */
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
};

// A page of a thousand messages is a tenth of that: whoever sends more is no server of ours.
const longestAnswer = 4 * 1024 * 1024;

/** @returns null where it is longer than any answer */
const textOf = async (response: Response): Promise<string | null> => {
  if (response.body === null) return '';
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > longestAnswer) {
      // It was given up already: that it ends badly is nobody's concern.
      await reader.cancel().catch(() => {});
      return null;
    }
    text += decoder.decode(value, { stream: true });
  }
};

/**
 * One request and its answer. Redirects are answers like any other and never followed: the token is for this server
 * alone. No cache between here and there may answer in its place.
 */
export const createCall =
  ({ url, headers }: Server) =>
  async (method: 'GET' | 'POST', path: string, body: unknown, signal: AbortSignal): Promise<Reply> => {
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      cache: 'no-store',
      signal,
      ...(body === undefined
        ? { headers }
        : { headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await textOf(response);
    const date = Date.parse(response.headers.get('date') ?? '');
    return { status: response.status, body: parsed(text ?? ''), ...(!Number.isNaN(date) && { date }) };
  };

/** @returns undefined where it is no JSON */
export const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
