// The writers of `writing`, in a process of their own: each changes a user of its own, one call after the other.
import { Agent, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';

export type Writers =
  | {
      readonly start: {
        readonly port: number;
        readonly token: string;
        readonly users: readonly string[];
        /** Of all of them together, spread evenly; null: as fast as they are answered. */
        readonly perSecond: number | null;
      };
    }
  | 'stop';

export type Written = { readonly answers: number; readonly ms: number } | { readonly failed: string };

type Start = Exclude<Writers, string>['start'];

const agent = new Agent({ keepAlive: true });

const change = ({ port, token }: Start, user: string, text: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({ firstName: text });
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const path = `/v1/admin/users/${user}`;
    const asked = request({ agent, host: '127.0.0.1', port, path, method: 'PATCH', headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end(body);
  });

let going = false;
let work: Promise<Written>;

const writeOn = async (start: Start): Promise<Written> => {
  const began = performance.now();
  let answers = 0;
  const everyMs = start.perSecond === null ? 0 : (start.users.length * 1000) / start.perSecond;
  const write = async (user: string, place: number) => {
    for (let n = 0; ; n++) {
      const early = began + (n + place / start.users.length) * everyMs - performance.now();
      if (early > 0) await setTimeout(early);
      if (!going) return;
      const status = await change(start, user, `Name ${n}`);
      if (status !== 200) throw new Error(`a change was answered ${status}`);
      answers += 1;
    }
  };
  try {
    await Promise.all(start.users.map(write));
    return { answers, ms: performance.now() - began };
  } catch (error) {
    return { failed: (error as Error).message };
  }
};

process.once('disconnect', () => process.exit(0));
process.on('message', async (what: Writers) => {
  if (what === 'stop') {
    going = false;
    process.send?.(await work);
    return;
  }
  going = true;
  work = writeOn(what.start);
  process.send?.('started');
});
