import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { addressRanges } from '../adapters/node/addressRanges.ts';
import { isCommonPassword } from '../adapters/node/commonPasswords.ts';
import { oneTimeCodes } from '../adapters/node/oneTimeCodes.ts';
import { isPhoneNumber } from '../adapters/node/phoneNumbers.ts';
import { createRequestIds } from '../adapters/node/requestIds.ts';
import { turns } from '../adapters/node/turns.ts';
import { sharpImages } from '../adapters/sharp/images.ts';
import { createApp } from '../api/app.ts';
import { clientErrorAnswer, connectAnswer } from '../api/clientErrors.ts';
import { cookiesFor } from '../api/cookies.ts';
import { createCursors } from '../api/cursor.ts';
import { createAnswerCounts } from '../api/dataPlane/answerCounts.ts';
import { createDataPlane } from '../api/dataPlane.ts';
import { createCounter } from '../api/metrics.ts';
import { rememberNewest } from '../api/newestWrite.ts';
import { problem, sendProblem } from '../api/problem.ts';
import { healthRoutes } from '../api/resources/health.ts';
import { allRoutes } from '../api/routes.ts';
import { endStalled, hasOneHost, serverLimits } from '../api/serverLimits.ts';
import type { PasswordHasher } from '../commands/environment.ts';
import { Failure } from '../commands/failure.ts';
import { toHex } from '../commands/sealing/encoding.ts';
import { createBackground } from '../commands/signIn/background.ts';
import { createCodes } from '../commands/signIn/codes.ts';
import { createDevices } from '../commands/signIn/devices.ts';
import { createIdentity } from '../commands/signIn/identity.ts';
import { createLanes } from '../commands/signIn/lanes.ts';
import { createRequestPasswordReset, passwordResetCommands } from '../commands/signIn/passwordReset.ts';
import { createSessions } from '../commands/signIn/sessions.ts';
import { createSignIn, type Load } from '../commands/signIn/signIn.ts';
import { createThrottling } from '../commands/signIn/throttling.ts';
import { twoFactorCommands } from '../commands/signIn/twoFactor.ts';
import { accountCommands } from '../commands/users/account.ts';
import { createLastCalls } from '../commands/users/lastCalls.ts';
import type { Worker } from '../workers/worker.ts';
import type { Configuration } from './configuration.ts';
import { environment, type Inside } from './core.ts';
import { credentialsOf } from './credentials.ts';
import { historyOf } from './history.ts';
import { createServer } from './nodeHttp.ts';
import { version } from './version.ts';

/** The server, and what of it must be brought to an end by hand. */
export type Front = {
  readonly server: Server;
  /** Ends what never ends by itself: streams. */
  readonly endStreams: () => void;
  /** What was begun beside an answer is over. */
  readonly settled: () => Promise<void>;
};

/** HTTP over everything inside: verification on the bare server, people's calls in Express behind it. */
export const wireHttp = (
  inside: Inside,
  configuration: Configuration,
  hasher: PasswordHasher,
  workers: readonly Worker[],
): Front => {
  const { stores, log, now, reader, codec, folds, boxes, purposeKeys, listReader } = inside;
  const { execute, newestWrite } = rememberNewest(inside.execute);
  const { vault, store } = stores;
  const { clock, crypto, scheduler } = environment;
  const newRequestId = createRequestIds();
  const unexpected = (error: unknown, requestId: string) => log.error({ err: error, requestId }, 'a request failed');

  const shared = { ...environment, vault, boxes, purposeKeys, store };
  const sessions = createSessions(shared);
  const throttling = createThrottling(shared);
  const lanes = createLanes();
  const devices = createDevices(shared);
  const background = createBackground((error, doing) => log.warn({ err: error }, doing));
  const load: Load = (fold, stream) => folds.read(fold, stream, (loaded) => ({ ...loaded }));
  const authenticator = oneTimeCodes();
  const codes = createCodes({ ...shared, oneTimeCodes: authenticator, execute });
  const tokens = inside.passwordTokens;
  const checking = { throttling, lanes, hasher, load, sessions, proveCode: codes.prove, verifyCode: codes.verify };
  const identity = createIdentity(checking);
  const signIn = createSignIn({ ...checking, execute, devices, background, addresses: inside.addresses });
  const commands = {
    ...inside.commands,
    ...accountCommands({ sessions, identity, hasher, isCommonPassword, isPhoneNumber }),
    ...passwordResetCommands({ tokens, hasher, sessions, isCommonPassword }),
    ...twoFactorCommands({ ...shared, identity, codes, oneTimeCodes: authenticator }),
  };

  const isHttps = configuration.publicUrl?.protocol === 'https:';
  const cookies = cookiesFor(isHttps);
  const { acknowledgements } = inside;
  const cursors = createCursors(crypto, purposeKeys('cursors'));
  const asOf = () => {
    const proof = reader.proof();
    return {
      position: reader.position(),
      lagMs: proof === null ? 0 : Math.max(0, Math.round(clock.monotonic() - proof.monotonic)),
    };
  };

  const answers = createCounter('keyledger_http_answers_total', 'Answers to people, by call and status.');
  const serviceAnswers = createAnswerCounts();

  // One object for all resources: each takes the part that it declares.
  const context = {
    execute,
    handler: inside.handler,
    commands,
    now,
    load,
    folds,
    codec,
    store,
    lists: stores.lists,
    listReader,
    newestWrite,
    projector: inside.projector,
    reader,
    clock,
    scheduler,
    cursors,
    asOf,
    sessions,
    identity,
    signIn,
    requestPasswordReset: createRequestPasswordReset({
      ...shared,
      execute,
      load,
      addresses: inside.addresses,
      devices,
      throttling,
      background,
      tokens,
      scheduler,
    }),
    lastCalls: createLastCalls(shared),
    cookies,
    hasher,
    isCommonPassword,
    acknowledgements,
    workers,
    version: version(),
    metrics: [answers.metric, serviceAnswers.metric, ...inside.mails.metrics],
    sha256: crypto.sha256,
    sha256Hex: (text: string) => toHex(crypto.sha256(text)),
    secrets: inside.secrets,
    avatars: inside.avatars,
    images: sharpImages(),
    mails: inside.mails,
    addresses: inside.addresses,
    ...historyOf(inside),
    lastUse: inside.lastUseOf,
  };
  const isWorker = configuration.role === 'worker';
  const routes = isWorker ? healthRoutes(context) : allRoutes(context);

  const app = createApp(routes, {
    credentials: credentialsOf(inside, sessions, cookies.session),
    publicOrigin: configuration.publicUrl?.origin ?? null,
    trustedProxies: configuration.trustedProxies,
    now,
    newRequestId,
    waitFor: async (position) => {
      if (!(await reader.waitFor(position, 2_000))) throw new Failure('not-caught-up', 'not read that far yet');
    },
    unexpected,
    answered: (method, path, status) => answers.add({ method, path: path ?? 'none', status: String(status) }),
  });
  const plane = createDataPlane({
    answers: serviceAnswers,
    reader,
    sha256: crypto.sha256,
    clock,
    scheduler,
    newRequestId,
    publicOrigin: configuration.publicUrl?.origin ?? null,
    isProxy: addressRanges(configuration.forwardAuthFrom),
    markUse: inside.lastUse.mark,
    acknowledgements,
    publicKeys: inside.signingKeys.publicKeys,
    unexpected,
  });
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (!hasOneHost(request))
      sendProblem(response, problem('malformed-request', newRequestId(), { detail: 'Send one Host header' }), {
        Connection: 'close',
      });
    else if (!isWorker && plane.handle(request, response)) turns.visited();
    else turns.take(() => app(request, response));
  };
  const server = createServer(serverLimits, answer);
  endStalled(server);
  server.on('clientError', clientErrorAnswer(newRequestId));
  server.on('connect', connectAnswer(newRequestId));
  // Whatever a client expects beside "go on": it gets the answer to its request, as RFC 9110 permits.
  server.on('checkExpectation', answer);
  return { server, endStreams: plane.close, settled: background.settled };
};
