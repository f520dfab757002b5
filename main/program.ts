import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createMemoryBus } from '../adapters/memory/bus.ts';
import { UnusableKey } from '../adapters/node/keyFiles.ts';
import { passwordHasher } from '../adapters/node/passwordHasher.ts';
import { DataRefused } from '../adapters/sqlite/errors.ts';
import { Failure, failedWith, type Refuser } from '../commands/failure.ts';
import { readInstallationRow, WrongStores } from '../commands/installation/firstStart.ts';
import type { Bus } from '../commands/ports/bus.ts';
import { WrongLog } from '../workers/indexReader.ts';
import { presenceWorker } from '../workers/presence.ts';
import { UnknownList } from '../workers/projector.ts';
import type { Worker } from '../workers/worker.ts';
import { backgroundWorkers, frontWorkers } from './background.ts';
import type { Configuration } from './configuration.ts';
import { controlOf, openControl } from './control.ts';
import { environment, type Inside, wireInside } from './core.ts';
import { recoverAdministrator, removeUsedPassword } from './firstAdministrator.ts';
import { completeFirstStart } from './firstStart.ts';
import { wireHttp } from './http.ts';
import { createLog, type Logger } from './log.ts';
import { mailSettings } from './mail.ts';
import { OperationError, type Operations } from './operations.ts';
import { onceItAnswers } from './patience.ts';
import { StartError } from './startError.ts';
import { holdsInstallation, openStores, type Role, type Stores, usesFolder } from './stores.ts';

/** How long after SIGTERM the process may take at most: what is not finished then is finished at the next start. */
const goodbyeMs = 9_000;
/** How long of it those get who are sending a request or reading an answer. */
const lastAnswersMs = 5_000;

/** @throws StartError where they are not as they must be, Failure `store-unavailable` where a server may yet answer */
export const openExplained = async (configuration: Configuration, role: Role): Promise<Stores> => {
  try {
    return await openStores(configuration, environment, role);
  } catch (error) {
    if (mayYetAnswer(error, configuration)) throw error;
    const explained = error instanceof DataRefused || error instanceof UnusableKey || error instanceof Failure;
    throw explained ? (refusal(error) ?? new StartError(error.message)) : error;
  }
};

const settingOf: { readonly [who in Refuser]: string } = {
  EventStoreDB: 'KEYLEDGER_EVENTSTORE',
  MongoDB: 'KEYLEDGER_MONGODB',
};

/** It answers and does not let us in. */
const refusal = (error: unknown): StartError | null =>
  error instanceof Failure && error.by !== null ? new StartError(`${settingOf[error.by]}: ${error.message}`) : null;

const hasServers = ({ eventStore, mongodb }: Configuration) => eventStore !== null || mongodb !== null;

const mayYetAnswer = (error: unknown, configuration: Configuration): error is Failure =>
  hasServers(configuration) && failedWith(error, 'store-unavailable') && !error.refused;

/**
 * Of several processes only those publish that were told where to: a bus within one of them would have it hold the
 * publishers' lease, and note as published what nobody has heard.
 * @throws StartError where NATS is there and does not do
 */
const openBus = async ({ nats }: Configuration, { stores, signingKeys }: Inside, log: Logger): Promise<Bus | null> => {
  if (nats === null) return stores.shared ? null : createMemoryBus();
  // A heavy driver, loaded only here.
  const { NatsRefused, openNatsBus } = await import('../adapters/nats/bus.ts');
  const installation = async () => (await readInstallationRow(stores.vault))!.installationId;
  const report = (what: string, error?: unknown) => log.warn({ err: error }, what);
  try {
    const { scheduler } = environment;
    return await openNatsBus({ url: nats, scheduler, signatures: signingKeys, installation, report });
  } catch (error) {
    throw error instanceof NatsRefused ? new StartError(`KEYLEDGER_NATS: ${error.message}`) : error;
  }
};

const hasherFor = (stores: Stores) => passwordHasher({ pepper: stores.pepper });

const workersFor = async (
  role: Exclude<Role, 'restore'>,
  inside: Inside,
  bus: () => Promise<Bus | null>,
): Promise<readonly Worker[]> => {
  const { stores, parts } = inside;
  const present = stores.presence ? [presenceWorker(parts, stores.presence)] : [];
  if (role === 'tool') return [...present, inside.projector];
  return [...present, ...(role === 'api' ? frontWorkers(inside) : backgroundWorkers(inside, await bus()))];
};

type Running = {
  readonly inside: Inside;
  readonly workers: readonly Worker[];
  readonly hasher: ReturnType<typeof passwordHasher>;
  readonly operations: Operations;
  /** Ends everything that runs by itself, then closes the stores. */
  readonly stop: () => Promise<void>;
};

const operationsOf = (inside: Inside, hasher: Running['hasher'], folder: string, signal: AbortSignal): Operations => {
  const { projector, listReader } = inside;
  const named = async (names: readonly string[]) =>
    names.length > 0 ? names : (await listReader.states()).map(({ name }) => name);
  const explained = (error: unknown): never => {
    throw error instanceof UnknownList ? new OperationError(error.message) : error;
  };
  return {
    rebuildLists: async (names, progress) => {
      for (const list of await named(names))
        await projector.rebuild(list, ({ events, done }) => progress({ list, events, done }), signal).catch(explained);
    },
    verifyLists: async (names, progress) => {
      const found: { list: string; id: string; detail: string }[] = [];
      for (const list of await named(names)) {
        const { differences } = await projector
          .verify(list, ({ events, done }) => progress({ list, events, done }), signal)
          .catch(explained);
        for (const { id, ...difference } of differences as readonly ({ id: string } & object)[])
          found.push({ list, id, detail: JSON.stringify(difference) });
      }
      return found;
    },
    recoverAdministrator: (email) =>
      recoverAdministrator({ inside, hasher, randomness: environment.randomness }, folder, email),
  };
};

/** Everything but HTTP: checked, caught up with the log, first start done, what the role asks for running. */
const start = async (configuration: Configuration, role: Exclude<Role, 'restore'>, log: Logger): Promise<Running> => {
  const stores = await openExplained(configuration, role);
  const ending = new AbortController();
  const closing: (() => Promise<unknown>)[] = [stores.close];
  const stop = async () => {
    ending.abort();
    for (const end of closing.reverse()) await end();
  };
  try {
    const hasher = hasherFor(stores);
    closing.push(hasher.close);
    for (const file of stores.madeKeys) log.info({ file }, 'made a key; keep a copy of it apart from the data');
    const inside = wireInside(stores, log, role === 'tool' ? 'worker' : role, mailSettings(configuration));
    closing.push(() => inside.handler.flush());
    await inside.reader.open();
    const workers = await workersFor(role, inside, async () => {
      const bus = await openBus(configuration, inside, log);
      if (bus !== null) closing.push(bus.close);
      return bus;
    });
    const reading = inside.reader.run(ending.signal);
    closing.push(() => reading);

    const administrator = { inside, hasher, randomness: environment.randomness };
    const file = await completeFirstStart(administrator, configuration.data, configuration.firstAdministrator);
    if (file !== null) {
      log.info({ file }, 'the first administrator signs in as admin@localhost with the password in this file');
      const watching = removeUsedPassword(administrator, configuration.data, ending.signal);
      closing.push(() => watching);
    }
    const running = Promise.all(workers.map((worker) => worker.run(ending.signal)));
    closing.push(() => running);
    const operations = operationsOf(inside, hasher, configuration.data, ending.signal);
    return { inside, workers, hasher, operations, stop };
  } catch (error) {
    await stop();
    if (error instanceof WrongLog)
      throw new StartError(`${stores.names.log} is older than ${stores.names.lists}, or another: ${error.message}`);
    if (error instanceof WrongStores) throw new StartError(error.message);
    throw refusal(error) ?? error;
  }
};

const listening = async (server: Server, { host, port }: Configuration) => {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(`KEYLEDGER_HOST, KEYLEDGER_PORT: cannot listen on ${host}:${port} (${code})`);
  }
};

/** Told before anything is written, where it can be known that early. @throws StartError */
const requireAddress = async (configuration: Configuration) => {
  const server = createServer();
  await listening(server, configuration);
  server.close();
  await once(server, 'close');
};

const listen = async (running: Running, configuration: Configuration) => {
  const front = wireHttp(running.inside, configuration, running.hasher, running.workers);
  const { server } = front;
  await listening(server, configuration);
  const { port, address, family } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  // Where the port was left open, links in mails lead to the one that was found.
  if (configuration.publicUrl === null) running.inside.pages.url = `http://${host}:${port}`;
  return {
    url: `http://${host}:${port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      front.endStreams();
      // A connection whose last answer came after this began is kept alive by whoever holds its other end.
      const idle = setInterval(() => server.closeIdleConnections(), 50);
      const late = setTimeout(() => server.closeAllConnections(), lastAnswersMs);
      await closed;
      clearInterval(idle);
      clearTimeout(late);
      await front.settled();
    },
  };
};

/** npm hands on a Ctrl-C that the terminal has given to its child as well: what comes so soon is not impatience. */
const sameSignalMs = 1_000;

/** The first signal to stop. Whoever sends another one later does not want to wait. */
const asked = () =>
  new Promise<NodeJS.Signals>((resolve) => {
    let since: number | null = null;
    const told = (signal: NodeJS.Signals) => {
      since ??= performance.now();
      if (performance.now() - since > sameSignalMs) process.exit(1);
      resolve(signal);
    };
    process.on('SIGTERM', told);
    process.on('SIGINT', told);
  });

/** Runs until SIGTERM or SIGINT. @returns the exit code @throws StartError, OperationError */
export const serve = async (configuration: Configuration): Promise<number> => {
  const log = createLog(configuration.logLevel);
  const signal = asked();
  const asking = new AbortController();
  void signal.then(() => asking.abort());
  await requireAddress(configuration);
  const running = await onceItAnswers(() => start(configuration, configuration.role, log), {
    mayYetAnswer: (error) => mayYetAnswer(error, configuration),
    scheduler: environment.scheduler,
    clock: environment.clock,
    signal: asking.signal,
    waiting: (error) => log.warn({ err: error }, 'a store does not answer yet'),
  });
  if (running === null) return 0;
  try {
    const front = await listen(running, configuration);
    const control = usesFolder(configuration) ? await controlIn(configuration.data, running, log) : null;
    process.stdout.write(`Keyledger listening on ${front.url}\n`);
    log.info({ signal: await signal }, 'stopping');
    // Whoever holds a connection open must not hold the process.
    setTimeout(() => {
      log.warn('stopped before everything had finished; the next start goes on from there');
      process.exit(0);
    }, goodbyeMs).unref();
    await front.close();
    await control?.close();
  } finally {
    await running.stop();
  }
  return 0;
};

const controlIn = (folder: string, running: Running, log: Logger) =>
  openControl(folder, running.operations, (error) => log.error({ err: error }, 'an operation failed'));

/** @throws StartError where there is none */
export const requireInstallation = async (configuration: Configuration): Promise<void> => {
  if (await holdsInstallation(configuration, environment)) return;
  throw new StartError(
    configuration.mongodb === null
      ? `KEYLEDGER_DATA: ${configuration.data} holds no installation`
      : 'KEYLEDGER_MONGODB: there is no installation',
  );
};

/** For the command line: through the server that has the folder, else on the stores themselves. */
export const withOperations = async (
  configuration: Configuration,
  work: (on: Operations) => Promise<number>,
): Promise<number> => {
  let running: Running;
  try {
    await requireInstallation(configuration);
    running = await start(configuration, 'tool', createLog('silent'));
  } catch (error) {
    if (error instanceof StartError && /is in use by/.test(error.message)) return work(controlOf(configuration.data));
    throw mayYetAnswer(error, configuration) ? new OperationError(error.message) : error;
  }
  try {
    return await work(running.operations);
  } catch (error) {
    throw error instanceof Failure ? new OperationError(error.message) : error;
  } finally {
    await running.stop();
  }
};
