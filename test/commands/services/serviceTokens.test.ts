import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import type { Outcome } from '../../../commands/command.ts';
import { toHex } from '../../../commands/sealing/encoding.ts';
import { serviceTokenCommands } from '../../../commands/services/serviceTokens.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { Json } from '../../../domain/json.ts';
import { classify, maskOf } from '../../../domain/keyText.ts';
import { services, servicesStream, serviceTokenOf } from '../../../domain/services.ts';
import { secretShredder } from '../../../workers/secretShredder.ts';
import { type Bed, createBed } from '../../support/commandBed.ts';
import { dyingAt } from '../../support/faultyEventStore.ts';
import { suite } from '../../support/suite.ts';
import { lastPosition, runUntil, workerParts } from '../../support/workerBed.ts';

const tokens = suite('commands on service tokens');

const crypto = nodeCryptography();
const commands = serviceTokenCommands({ crypto });
const input = { name: 'billing', permissions: ['verify'], applications: null, expiresAt: null };

const done = <R extends Json>(outcome: Outcome<R>) => {
  if (isRejection(outcome)) throw new Error(`rejected: ${outcome.rejected}`);
  return outcome;
};
const code = <R extends Json>(outcome: Outcome<R>) => (isRejection(outcome) ? outcome.rejected : 'done');

const stored = (bed: Bed, tokenId: string) =>
  bed.process().folds.read(services, servicesStream, ({ state }) => serviceTokenOf(tokenId, state));

const types = async ({ store }: Bed) => (await store.readStream(servicesStream, 0, 100)).events.map(({ type }) => type);

tokens('issues a text of the right form, of which only hash and mask are kept', async () => {
  const bed = createBed();
  const { handler } = bed.process();
  const { result, secret } = done(await handler.execute(commands.createServiceToken, input, bed.request()));
  const text = secret!.text;
  assert.is(secret!.keyId, result.tokenId);
  assert.ok(text.startsWith('svc_'));
  assert.is(classify(text), 'prefixed');
  const token = await stored(bed, result.tokenId);
  assert.is(token?.secretHash, toHex(crypto.sha256(text)));
  assert.is(token?.mask, maskOf(text));
  assert.not.ok(JSON.stringify((await bed.store.readAll(null, 10)).events).includes(text));
});

tokens('another text each time', async () => {
  const bed = createBed();
  const { handler } = bed.process();
  const made = await Promise.all(
    Array.from({ length: 5 }, () => handler.execute(commands.createServiceToken, input, bed.request())),
  );
  assert.is(new Set(made.map((outcome) => done(outcome).secret!.text)).size, 5);
});

tokens('rotates to a new text, and revokes for good', async () => {
  const bed = createBed();
  const { handler } = bed.process();
  const made = done(await handler.execute(commands.createServiceToken, input, bed.request()));
  const { tokenId } = made.result;
  const rotated = done(await handler.execute(commands.rotateServiceToken, { tokenId }, bed.request()));
  assert.is.not(rotated.secret!.text, made.secret!.text);
  assert.is((await stored(bed, tokenId))?.secretHash, toHex(crypto.sha256(rotated.secret!.text)));
  done(await handler.execute(commands.revokeServiceToken, { tokenId }, bed.request()));
  done(await handler.execute(commands.revokeServiceToken, { tokenId }, bed.request()));
  assert.is(code(await handler.execute(commands.rotateServiceToken, { tokenId }, bed.request())), 'already-ended');
  assert.equal(await types(bed), ['ServiceTokenCreated', 'ServiceTokenRotated', 'ServiceTokenRevoked']);
});

tokens('refuses what is not there, has ended or makes no sense, and writes nothing', async () => {
  const bed = createBed();
  const { handler } = bed.process();
  const tokenId = 'none';
  assert.is(code(await handler.execute(commands.rotateServiceToken, { tokenId }, bed.request())), 'not-found');
  assert.is(code(await handler.execute(commands.revokeServiceToken, { tokenId }, bed.request())), 'not-found');
  const refused: [Partial<typeof input> & { expiresAt?: string }, string][] = [
    [{ permissions: [] }, 'validation-failed'],
    [{ permissions: ['api-keys:use'] }, 'validation-failed'],
    [{ name: ' ' }, 'validation-failed'],
    [{ expiresAt: '2026-12-31T23:59:59.000Z' as never }, 'expiry-in-past'],
  ];
  for (const [own, expected] of refused)
    assert.is(code(await handler.execute(commands.createServiceToken, { ...input, ...own }, bed.request())), expected);
  assert.equal(await types(bed), []);
});

tokens('a repeat after a crash at the append, and after the answer, has the very same text', async () => {
  for (const when of ['before', 'after'] as const) {
    const bed = createBed();
    const request = () => bed.request({ key: 'k' });
    const mortal = bed.process({ store: dyingAt(bed.store, 1, when) });
    await mortal.handler.execute(commands.createServiceToken, input, request()).catch(() => null);
    const first = done(await bed.process().handler.execute(commands.createServiceToken, input, request()));
    const again = done(await bed.process().handler.execute(commands.createServiceToken, input, request()));
    assert.equal(again, { ...first, replayed: true });
    assert.equal(await types(bed), ['ServiceTokenCreated']);
    assert.is((await stored(bed, first.result.tokenId))?.secretHash, toHex(crypto.sha256(first.secret!.text)));
  }
});

tokens('the copy kept for a repeat is destroyed when the token is revoked', async () => {
  const bed = createBed();
  const core = bed.process();
  const { handler } = core;
  const made = done(await handler.execute(commands.createServiceToken, input, bed.request({ key: 'k' })));
  done(await handler.execute(commands.revokeServiceToken, made.result, bed.request()));
  const repeated = async () =>
    code(await bed.process().handler.execute(commands.createServiceToken, input, bed.request({ key: 'k' })));
  assert.is(await repeated(), 'done');
  const { destroySecrets } = handler;
  const shredder = secretShredder({
    ...workerParts(bed, core),
    destroySecrets,
    keysOf: async () => [],
    isTextKept: async () => null,
  });
  const end = await lastPosition(bed.store);
  await runUntil([shredder], () => shredder.state().position === end);
  assert.is(await repeated(), 'already-ended');
});

tokens('puts down that a follower of the feed is not waited for any more', async () => {
  const bed = createBed();
  const { handler } = bed.process();
  done(await handler.execute(commands.removeSubscriber, { name: 'billing' }, bed.request()));
  const { events } = await bed.store.readStream(servicesStream, 0, 10);
  assert.equal(
    events.map(({ type, data }) => [type, data]),
    [['SubscriberRemoved', { name: 'billing' }]],
  );
});

tokens.run();
