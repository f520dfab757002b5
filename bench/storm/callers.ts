// Who calls meanwhile, in a process of its own: services that verify keys and people who look and change things, each at
// a pace that does not follow the answers, so that whoever waits is counted for as long as they wait.
import { Agent, request } from 'node:http';
import { percentile } from '../delay.ts';

export type Calling = {
  readonly port: number;
  readonly token: string;
  /** Of a session that may read and change users. */
  readonly cookie: string;
  readonly userId: string;
  /** Every key and when it ends, milliseconds since 1970; all in one second. */
  readonly keys: readonly (readonly [text: string, endsAt: number])[];
};

export type Question = { readonly start: Calling } | { readonly until: number };

/** Milliseconds; of calls that were sent between two times. */
export type Called = { readonly count: number; readonly p50Ms: number; readonly p99Ms: number };

export type Found = {
  readonly verify: { readonly before: Called; readonly meanwhile: Called };
  readonly api: { readonly before: Called; readonly meanwhile: Called };
  /** The calls of `api`, each by what it does. */
  readonly calls: { readonly [name: string]: { readonly before: Called; readonly meanwhile: Called } };
  /** Verifications that were asked after the key's end, and those of them that were answered `valid`. */
  readonly askedAfterEnd: number;
  readonly acceptedAfterEnd: number;
};

const verificationsPerSecond = 500;
const apiCallsPerSecond = 20;
/** How much before the first end counts as quiet. */
const beforeMs = 8_000;

type Call = { readonly kind: 'verify' | 'api'; readonly name: string; readonly at: number; readonly ms: number };

const agent = new Agent({ keepAlive: true });

const send = (port: number, method: string, path: string, headers: { [name: string]: string }, body: object | null) =>
  new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    const text = body === null ? null : JSON.stringify(body);
    const typed = text === null ? headers : { ...headers, 'content-type': 'application/json' };
    const asked = request({ agent, host: '127.0.0.1', port, method, path, headers: typed }, (response) => {
      let read = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        read += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: read }));
    });
    asked.on('error', reject);
    asked.end(text ?? undefined);
  });

const calls: Call[] = [];
let askedAfterEnd = 0;
let acceptedAfterEnd = 0;
let failed: string | null = null;
const underWay = new Set<Promise<void>>();

const timed = (kind: Call['kind'], name: string, work: () => Promise<void>) => {
  const at = Date.now();
  const began = performance.now();
  const calling: Promise<void> = work()
    .then(() => void calls.push({ kind, name, at, ms: performance.now() - began }))
    .catch((error: Error) => {
      failed ??= error.message;
    })
    .finally(() => underWay.delete(calling));
  underWay.add(calling);
};

const verifyOne = async ({ port, token, keys }: Calling) => {
  const [key, endsAt] = keys[Math.floor(Math.random() * keys.length)]!;
  const isPast = Date.now() >= endsAt;
  const { status, text } = await send(port, 'POST', '/v1/verify', { authorization: `Bearer ${token}` }, { key });
  if (status !== 200) throw new Error(`a verification was answered ${status}`);
  const { valid } = JSON.parse(text) as { valid: boolean };
  if (isPast) {
    askedAfterEnd += 1;
    if (valid) acceptedAfterEnd += 1;
  }
};

const apiCalls: { readonly [name: string]: (calling: Calling, turn: number) => Promise<{ readonly status: number }> } =
  {
    'own profile': ({ port, cookie }) => send(port, 'GET', '/v1/profile', { cookie }, null),
    'list of users': ({ port, cookie }) => send(port, 'GET', '/v1/admin/users?limit=20', { cookie }, null),
    'list of keys': ({ port, cookie }) => send(port, 'GET', '/v1/admin/api-keys?limit=20', { cookie }, null),
    'change of a user': ({ port, cookie, userId }, turn) =>
      send(port, 'PATCH', `/v1/admin/users/${userId}`, { cookie }, { firstName: `Name ${turn}` }),
  };
const apiNames = Object.keys(apiCalls);

let turn = 0;
const callApi = (calling: Calling) => {
  turn += 1;
  const name = apiNames[turn % apiNames.length]!;
  timed('api', name, async () => {
    const { status } = await apiCalls[name]!(calling, turn);
    if (status !== 200) throw new Error(`${name} was answered ${status}`);
  });
};

/** Keeps the pace also where this process was late. */
const atPace = (perSecond: number, call: () => void) => {
  const began = performance.now();
  let made = 0;
  return setInterval(() => {
    for (const due = ((performance.now() - began) / 1000) * perSecond; made < due; made++) call();
  }, 2);
};

const between = (which: (call: Call) => boolean, from: number, until: number): Called => {
  const took = calls.filter((call) => which(call) && call.at >= from && call.at < until).map(({ ms }) => ms);
  if (took.length === 0) throw new Error('nobody called');
  return { count: took.length, p50Ms: percentile(took, 0.5), p99Ms: percentile(took, 0.99) };
};

let pacing: readonly NodeJS.Timeout[] = [];
let firstEnd = 0;

const answer = async (question: Question): Promise<Found | { readonly failed: string } | 'started'> => {
  if ('start' in question) {
    const calling = question.start;
    firstEnd = Math.min(...calling.keys.map(([, endsAt]) => endsAt));
    pacing = [
      atPace(verificationsPerSecond, () => timed('verify', 'verify', () => verifyOne(calling))),
      atPace(apiCallsPerSecond, () => callApi(calling)),
    ];
    return 'started';
  }
  for (const pace of pacing) clearInterval(pace);
  await Promise.all(underWay);
  if (failed !== null) return { failed };
  const both = (which: (call: Call) => boolean) => ({
    before: between(which, firstEnd - beforeMs, firstEnd),
    meanwhile: between(which, firstEnd, question.until),
  });
  return {
    verify: both(({ kind }) => kind === 'verify'),
    api: both(({ kind }) => kind === 'api'),
    calls: Object.fromEntries(apiNames.map((name) => [name, both((call) => call.name === name)])),
    askedAfterEnd,
    acceptedAfterEnd,
  };
};

process.once('disconnect', () => process.exit(0));
process.on('message', async (question: Question) => {
  try {
    process.send!(await answer(question));
  } catch (error) {
    process.send!({ failed: (error as Error).message });
  }
});
