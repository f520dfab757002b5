import type { FeedPlace, Hearing } from '../core/surroundings.ts';
import { heartbeatOf, messageOf } from '../shapes.ts';
import { parsed, type Server } from './http.ts';

// No message comes near it: whoever sends more without an end of it is no server of ours.
const longestEvent = 65_536;

/** Takes server-sent events apart. @returns takes the next piece of text; false where it cannot be one of ours */
export const createEventReader = (tell: (event: string, data: string) => void) => {
  let rest = '';
  let event = '';
  let data: string[] = [];
  let length = 0;

  const take = (line: string) => {
    if (line === '') {
      if (data.length > 0) tell(event, data.join('\n'));
      event = '';
      data = [];
      length = 0;
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line.charAt(colon + 1) === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') data.push(value);
    length += line.length + 1;
    if (field === 'event') event = value;
  };

  return (text: string): boolean => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      take(line);
      if (length > longestEvent) return false;
    }
    return rest.length <= longestEvent;
  };
};

/** The feed as server-sent events, from a place on. @returns ends it */
export const createSseFollow =
  ({ url, headers }: Server) =>
  (place: FeedPlace, hearing: Hearing): (() => void) => {
    const stop = new AbortController();
    let leave = () => {};

    const read = createEventReader((event, text) => {
      const value = parsed(text);
      if (event === 'heartbeat') {
        const heartbeat = heartbeatOf(value);
        if (heartbeat === null) hearing.spoilt();
        else hearing.heartbeat(heartbeat);
      } else if (event === '' || event === 'message') {
        const message = messageOf(value);
        if (message === null) hearing.spoilt();
        else hearing.message(message);
      }
    });

    const follow = async (): Promise<number | undefined> => {
      const { epoch, position } = place;
      const response = await fetch(`${url}/v1/revocations/stream`, {
        redirect: 'manual',
        cache: 'no-store',
        signal: stop.signal,
        headers: {
          ...headers,
          accept: 'text/event-stream',
          // What compresses keeps things back until there is more of them.
          'accept-encoding': 'identity',
          ...(position !== null && { 'last-event-id': `${epoch}:${position}` }),
        },
      });
      if (response.status !== 200 || response.body === null) {
        await response.body?.cancel().catch(() => {});
        return response.status;
      }
      const reader = response.body.getReader();
      // Node 20 may have collected what the signal would have reached: a body that is read can still be cancelled.
      leave = () => void reader.cancel().catch(() => {});
      try {
        if (stop.signal.aborted) return undefined;
        hearing.opened(true);
        const decoder = new TextDecoder();
        for (;;) {
          const { done, value } = await reader.read();
          if (done || !read(decoder.decode(value as Uint8Array, { stream: true }))) return undefined;
        }
      } finally {
        leave();
      }
    };

    follow().then(
      (status) => hearing.closed(status),
      (error: unknown) => hearing.closed(undefined, error),
    );
    return () => {
      stop.abort();
      leave();
    };
  };
