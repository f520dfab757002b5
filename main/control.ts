import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createServer, request as httpRequest } from './nodeHttp.ts';
import { OperationError, type Operations, type Progress } from './operations.ts';

// The command line reaches a running server through loopback. Who may: whoever can read this file, which is the user that
// the server runs as; the token in it changes with every start.
const controlFile = (folder: string) => join(folder, 'control');

type Line =
  | { readonly progress: Progress }
  | { readonly result: unknown }
  | { readonly refused: string }
  | { readonly failed: string };

const operations = ['rebuildLists', 'verifyLists', 'recoverAdministrator'] as const;
type Name = (typeof operations)[number];

const run = (on: Operations, name: Name, argument: never, progress: (step: Progress) => void): Promise<unknown> =>
  name === 'recoverAdministrator' ? on[name](argument) : on[name](argument, progress);

const readAll = async (incoming: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
  return text;
};

/** Answers the command line until it is closed. @param unexpected told of what went wrong here */
export const openControl = async (folder: string, on: Operations, unexpected: (error: unknown) => void) => {
  const token = randomBytes(32).toString('hex');
  const permitted = (incoming: IncomingMessage) => {
    const given = Buffer.from(incoming.headers.authorization ?? '');
    const expected = Buffer.from(`Bearer ${token}`);
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
  const answer = async (incoming: IncomingMessage, response: ServerResponse) => {
    const name = operations.find((operation) => incoming.url === `/${operation}`);
    if (!permitted(incoming) || name === undefined || incoming.method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    const write = (line: Line) => response.write(`${JSON.stringify(line)}\n`);
    try {
      const { argument } = JSON.parse(await readAll(incoming)) as { argument: never };
      write({ result: (await run(on, name, argument, (progress) => write({ progress }))) ?? null });
    } catch (error) {
      if (!(error instanceof OperationError)) unexpected(error);
      write(error instanceof OperationError ? { refused: error.message } : { failed: 'see the log of the server' });
    }
    response.end();
  };
  const server = createServer((incoming, response) => void answer(incoming, response));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  rmSync(controlFile(folder), { force: true });
  writeFileSync(controlFile(folder), JSON.stringify({ port, token }), { mode: 0o600, flag: 'wx' });
  return {
    close: async () => {
      rmSync(controlFile(folder), { force: true });
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
};

const call = async (
  { port, token }: { port: number; token: string },
  name: Name,
  argument: unknown,
  progress: (step: Progress) => void,
): Promise<unknown> => {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    httpRequest({ host: '127.0.0.1', port, path: `/${name}`, method: 'POST', headers }, resolve)
      .once('error', reject)
      .end(JSON.stringify({ argument }));
  });
  if (response.statusCode !== 200) throw new OperationError('the running server does not take this command');
  for await (const text of createInterface({ input: response })) {
    const line = JSON.parse(text) as Line;
    if ('progress' in line) progress(line.progress);
    else if ('result' in line) return line.result;
    else throw new OperationError('refused' in line ? line.refused : `the server failed: ${line.failed}`);
  }
  throw new OperationError('the server stopped before it had finished');
};

/** The operations of the server that runs on this data folder. @throws OperationError where it cannot be reached */
export const controlOf = (folder: string): Operations => {
  const reach = async (name: Name, argument: unknown, progress: (step: Progress) => void) => {
    let address: { port: number; token: string };
    try {
      address = JSON.parse(readFileSync(controlFile(folder), 'utf8'));
    } catch {
      throw new OperationError(`a server runs on ${folder}, and it does not say where it can be reached yet`);
    }
    try {
      return await call(address, name, argument, progress);
    } catch (error) {
      if (error instanceof OperationError) throw error;
      throw new OperationError(`the server that runs on ${folder} does not answer`);
    }
  };
  return {
    rebuildLists: async (names, progress) => void (await reach('rebuildLists', names, progress)),
    verifyLists: async (names, progress) => (await reach('verifyLists', names, progress)) as never,
    recoverAdministrator: async (email) => (await reach('recoverAdministrator', email, () => {})) as never,
  };
};
