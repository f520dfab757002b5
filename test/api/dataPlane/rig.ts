import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { createMemoryEventStore } from '../../../adapters/memory/eventStore.ts';
import { createMemoryLists } from '../../../adapters/memory/lists.ts';
import { createMemoryVault } from '../../../adapters/memory/vault.ts';
import { addressRanges } from '../../../adapters/node/addressRanges.ts';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { nodeSignatures } from '../../../adapters/node/ed25519.ts';
import { clientErrorAnswer, connectAnswer } from '../../../api/clientErrors.ts';
import { createAnswerCounts } from '../../../api/dataPlane/answerCounts.ts';
import { createDataPlane } from '../../../api/dataPlane.ts';
import { serverLimits } from '../../../api/serverLimits.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
import { createBoxes } from '../../../commands/sealing/boxes.ts';
import { personKeys } from '../../../commands/sealing/personKeys.ts';
import { purposeKeys } from '../../../commands/sealing/purposeKeys.ts';
import { createSigningKeys } from '../../../commands/sealing/signingKeys.ts';
import { vaultTable } from '../../../commands/sealing/vaultTable.ts';
import { type Acknowledgement, acknowledgementKind } from '../../../commands/services/receipts.ts';
import { makeKeyText, makeServiceTokenText } from '../../../domain/keyText.ts';
import { createIndexReader } from '../../../workers/indexReader.ts';
import { installed, policy, registered, type Told, token } from '../../projections/logs.ts';
import { seededRandomness } from '../../support/commandBed.ts';
import { createManualTime } from '../../support/manualTime.ts';
import { createLogWriter, view } from '../../workers/storedLog.ts';

const crypto = nodeCryptography();
const { sha256 } = crypto;
const hex = (text: string) => Buffer.from(sha256(text)).toString('hex');

/** Well-formed texts, the n-th always the same. */
const randomOf = (n: number) => (length: number) => new Uint8Array(length).map((_, i) => (n * 29 + i * 7) % 248);
export const keyText = (n: number) => makeKeyText({ form: 'prefixed', prefix: 'api' }, randomOf(n));
export const tokenText = (n: number) => makeServiceTokenText(randomOf(n));
export const hashOf = (text: string) => hex(text);

/** The event of key n with the hash of its text. */
export const withText = (told: Told, n: number): Told =>
  ({ ...told, data: { ...told.data, secretHash: hex(keyText(n)) } }) as Told;

export const serviceToken = (n: number, options: Parameters<typeof token>[1] = {}) =>
  token(n, { hash: hex(tokenText(n)), ...options });

export type Answered = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever JSON came back.
  readonly body: any;
};

export type Call = {
  readonly method?: string;
  readonly token?: string | null;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: unknown;
  /** Instead of `body`: as it is. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
};

/** The data plane on a real socket, over a log in memory and in a time of its own. */
export const arrange = async (
  options: {
    readonly store?: (plain: EventStore) => EventStore;
    readonly log?: readonly Told[];
    readonly limits?: Partial<typeof serverLimits>;
    readonly proxies?: readonly string[];
  } = {},
) => {
  const plain = createMemoryEventStore();
  const append = createLogWriter(plain);
  await append(...(options.log ?? [installed, policy({}), registered(1), serviceToken(1)]));
  const time = createManualTime();
  const reader = createIndexReader({
    store: options.store?.(plain) ?? plain,
    view,
    blobs: createMemoryLists(),
    sha256,
    clock: time,
    scheduler: time,
  });
  const stop = new AbortController();
  const running = reader.run(stop.signal);
  await time.settle();

  const uses: { keyId: string; ownerId: string; at: number; ip: string | null }[] = [];
  const unexpected: unknown[] = [];
  const vault = createMemoryVault(time);
  const derived = purposeKeys(crypto, new Uint8Array(32).fill(1));
  const randomness = seededRandomness();
  const keys = personKeys({ vault, crypto, randomness, purposeKeys: derived });
  const boxes = createBoxes({ crypto, keys, purposeKeys: derived });
  const signingKeys = createSigningKeys({
    vault,
    boxes,
    crypto,
    signatures: nodeSignatures(),
    clock: time,
    randomness,
  });
  let requests = 0;
  const newRequestId = () => `request-${++requests}`;
  const answers = createAnswerCounts();
  const plane = createDataPlane({
    answers,
    reader,
    sha256,
    clock: time,
    scheduler: time,
    newRequestId,
    publicOrigin: null,
    isProxy: addressRanges(options.proxies ?? ['127.0.0.0/8', '::1']),
    markUse: (keyId, ownerId, at, ip) => uses.push({ keyId, ownerId, at, ip }),
    acknowledgements: vaultTable<Acknowledgement>(vault, acknowledgementKind),
    publicKeys: signingKeys.publicKeys,
    unexpected: (error) => unexpected.push(error),
  });
  const server = createServer({ ...serverLimits, ...options.limits }, (request, response) => {
    if (!plane.handle(request, response)) response.writeHead(404).end('express');
  });
  server.on('clientError', clientErrorAnswer(newRequestId));
  server.on('connect', connectAnswer(newRequestId));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const call = async (
    path: string,
    { method = 'POST', token: text = tokenText(1), headers, body, raw }: Call = {},
  ): Promise<Answered> => {
    const sent = raw ?? (body === undefined ? null : JSON.stringify(body));
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        ...(text !== null && { authorization: `Bearer ${text}` }),
        ...(sent !== null && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(sent !== null && { body: sent }),
    });
    const answered = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text: answered,
      body: /json/.test(response.headers.get('content-type') ?? '') && answered !== '' ? JSON.parse(answered) : null,
    };
  };

  return {
    append,
    time,
    reader,
    vault,
    signingKeys,
    uses,
    unexpected,
    answers,
    port,
    /** How many the server has open. */
    connections: () => promisify(server.getConnections.bind(server))(),
    call,
    verify: (body: unknown, rest: Omit<Call, 'body'> = {}) => call('/v1/verify', { ...rest, body }),
    get: (path: string, rest: Call = {}) => call(path, { method: 'GET', ...rest }),
    close: async () => {
      plane.close();
      stop.abort();
      await running;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

export type Rig = Awaited<ReturnType<typeof arrange>>;

/** Runs a test with a rig of its own, and takes it down whatever happens. */
export const withRig =
  (test: (rig: Rig) => Promise<void>, options: Parameters<typeof arrange>[0] = {}) =>
  async () => {
    const rig = await arrange(options);
    try {
      await test(rig);
    } finally {
      await rig.close();
    }
  };
