import * as assert from 'uvu/assert';
import { avatarCommands } from '../../../commands/users/avatars.ts';
import { isRejection } from '../../../domain/decider.ts';
import { isGone, userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { avatarShredder } from '../../../workers/avatarShredder.ts';
import { jpegOf, metadataOf, pngOf, svg, telltaleJpeg } from '../../support/pictures.ts';
import { suite } from '../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../support/wholeApp.ts';
import { lastPosition, runUntil, workerParts } from '../../support/workerBed.ts';

const avatar = suite<{ app: WholeApp; ada: string }>('the picture of one’s own');

avatar.before.each(async (context) => {
  context.app = await startWholeApp();
  context.ada = await context.app.register({ email: 'ada@example.com' });
});
avatar.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

type Headers = { readonly [name: string]: string };

const call = async (app: WholeApp, who: string, method: string, body?: Uint8Array, headers: Headers = {}) => {
  const response = await fetch(`${app.url}/v1/profile/avatar`, {
    method,
    headers: { cookie: `keyledger=${who}`, ...headers },
    ...(body && { body }),
  });
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
};
const put = (app: WholeApp, who: string, file: Uint8Array, type = 'image/jpeg', headers: Headers = {}) =>
  call(app, who, 'PUT', file, { 'content-type': type, ...headers });
const get = (app: WholeApp, who: string, headers: Headers = {}) => call(app, who, 'GET', undefined, headers);

const codeOf = ({ status, bytes }: { status: number; bytes: Buffer }) => [status, JSON.parse(bytes.toString()).code];

const events = async (app: WholeApp, who: string) =>
  (await app.store.readStream(userStream(who), 0, 100)).events.map(({ type }) => type).slice(1);

const kept = async (app: WholeApp, who: string) =>
  (await app.bed.vault.find('avatar', { person: who }, { after: null, limit: 100 })).map(({ id }) => id);

avatar(
  'is shown as it was made here, for this person alone, to be kept and asked about again',
  async ({ app, ada }) => {
    assert.equal(codeOf(await get(app, ada)), [404, 'not-found']);
    const made = await put(app, ada, await telltaleJpeg());
    assert.is(made.status, 204);
    assert.ok(made.headers.has('keyledger-position'));
    const shown = await get(app, ada);
    assert.is(shown.status, 200);
    assert.is(shown.headers.get('content-type'), 'image/jpeg');
    assert.is(shown.headers.get('x-content-type-options'), 'nosniff');
    assert.is(shown.headers.get('cache-control'), 'private, no-cache');
    assert.is(shown.headers.get('vary'), 'Cookie');
    assert.is(shown.headers.get('content-length'), String(shown.bytes.length));
    assert.is(shown.headers.get('etag'), made.headers.get('etag'));
    assert.is((await metadataOf(shown.bytes)).exif, undefined);
    assert.equal(await events(app, ada), ['AvatarChanged']);
    const other = await app.register({ email: 'grace@example.com' });
    assert.equal(codeOf(await get(app, other)), [404, 'not-found']);
  },
);

avatar('is not sent again to who has it', async ({ app, ada }) => {
  const etag = (await put(app, ada, await jpegOf())).headers.get('etag') ?? '';
  for (const asked of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
    const again = await get(app, ada, { 'if-none-match': asked });
    assert.equal([again.status, again.bytes.length, again.headers.get('etag')], [304, 0, etag], asked);
  }
  assert.is((await get(app, ada, { 'if-none-match': '"other"' })).status, 200);
  const head = await call(app, ada, 'HEAD');
  assert.equal([head.status, head.bytes.length, head.headers.get('etag')], [200, 0, etag]);
  assert.is.not((await put(app, ada, await pngOf(), 'image/png')).headers.get('etag'), etag);
  const replaced = await get(app, ada, { 'if-none-match': etag });
  assert.equal([replaced.status, replaced.headers.get('content-type')], [200, 'image/png']);
});

avatar('is taken by what it is, whatever it is called', async ({ app, ada }) => {
  assert.is((await put(app, ada, await pngOf(), 'image/jpeg')).status, 204);
  assert.is((await get(app, ada)).headers.get('content-type'), 'image/png');
  assert.is((await put(app, ada, await jpegOf(), 'IMAGE/PNG; charset=x')).status, 204);
  assert.is((await get(app, ada)).headers.get('content-type'), 'image/jpeg');
});

avatar(
  'refuses other types, what is no picture, and 1,048,576 bytes, and keeps nothing of them',
  async ({ app, ada }) => {
    const file = await jpegOf();
    for (const type of ['image/gif', 'image/svg+xml', 'application/json', 'image/webp', 'text/plain', ''])
      assert.equal(codeOf(await put(app, ada, file, type)), [415, 'unsupported-media-type'], type);
    for (const wrong of [svg(), new Uint8Array(0), file.subarray(0, 100)])
      assert.equal(codeOf(await put(app, ada, wrong, 'image/png')), [422, 'image-invalid']);
    const padded = (length: number) => Buffer.concat([file, Buffer.alloc(length - file.length)]);
    assert.equal(codeOf(await put(app, ada, padded(1_048_576))), [413, 'payload-too-large']);
    assert.equal(await events(app, ada), []);
    assert.equal(await kept(app, ada), []);
    assert.is((await put(app, ada, padded(1_048_575))).status, 204);
  },
);

avatar('the same picture again changes nothing', async ({ app, ada }) => {
  const file = await jpegOf();
  const first = await put(app, ada, file);
  const again = await put(app, ada, file);
  assert.equal([again.status, again.headers.get('etag')], [204, first.headers.get('etag')]);
  assert.equal(await events(app, ada), ['AvatarChanged']);
  assert.is((await kept(app, ada)).length, 1);
});

avatar('repeats under one Idempotency-Key are one change', async ({ app, ada }) => {
  const key = { 'idempotency-key': 'one' };
  const first = await put(app, ada, await jpegOf(), 'image/jpeg', key);
  const again = await put(app, ada, await jpegOf(), 'image/jpeg', key);
  assert.equal(
    [again.status, again.headers.get('idempotency-replayed'), again.headers.get('etag')],
    [204, 'true', first.headers.get('etag')],
  );
  const other = await put(app, ada, await pngOf(), 'image/png', key);
  assert.equal(codeOf(other), [422, 'idempotency-key-reused']);
  assert.equal(await events(app, ada), ['AvatarChanged']);
});

avatar('changes only the picture that was seen, where If-Match says which', async ({ app, ada }) => {
  const file = await jpegOf();
  assert.equal(codeOf(await put(app, ada, file, 'image/jpeg', { 'if-match': '"x"' })), [412, 'revision-mismatch']);
  const etag = (await put(app, ada, file)).headers.get('etag') ?? '';
  const next = await put(app, ada, await pngOf(), 'image/png', { 'if-match': etag });
  assert.is(next.status, 204);
  assert.equal(codeOf(await put(app, ada, file, 'image/jpeg', { 'if-match': etag })), [412, 'revision-mismatch']);
});

avatar('is taken away, and again', async ({ app, ada }) => {
  await put(app, ada, await jpegOf());
  assert.is((await call(app, ada, 'DELETE')).status, 204);
  assert.equal(codeOf(await get(app, ada)), [404, 'not-found']);
  assert.is((await call(app, ada, 'DELETE')).status, 204);
  assert.equal(await events(app, ada), ['AvatarChanged', 'AvatarRemoved']);
});

avatar('is no business of keys, services and strangers', async ({ app }) => {
  assert.equal(codeOf(await call(app, 'nobody', 'GET')), [401, 'unauthenticated']);
  const { status } = await app.nobody.get('/v1/profile/avatar');
  assert.is(status, 401);
});

/** Runs the shredder over the log, to its end. */
const shred = async (app: WholeApp) => {
  const worker = avatarShredder({
    ...workerParts(app.bed, app),
    avatarOf: async (userId) => {
      const { state } = await app.load(user, userStream(userId));
      return state && !isGone(state) ? state.avatarId : null;
    },
    tidy: app.avatars.tidy,
  });
  const end = await lastPosition(app.bed.store);
  await runUntil([worker], () => worker.state().position === end);
};

avatar('that nobody shows any more is destroyed', async ({ app, ada }) => {
  await put(app, ada, await jpegOf());
  await put(app, ada, await pngOf(), 'image/png');
  const etag = (await put(app, ada, await jpegOf(100, 100))).headers.get('etag') ?? '';
  // Left by a process that died before its event.
  await app.avatars.keep('left-over', ada, { type: 'image/png', bytes: await pngOf() });
  const grace = await app.register({ email: 'grace@example.com' });
  await put(app, grace, await jpegOf());
  assert.is((await kept(app, ada)).length, 4);
  await shred(app);
  assert.equal((await kept(app, ada)).sort(), [JSON.parse(etag), 'left-over']);
  app.bed.clock.advance(24 * 3_600_000);
  assert.equal(await kept(app, ada), [JSON.parse(etag)], 'what came to no event goes by itself');
  assert.is((await kept(app, grace)).length, 1);
  assert.is((await get(app, ada)).status, 200);
  await app.run(app.commands.deleteUser, { userId: ada, reason: null });
  await shred(app);
  assert.equal(await kept(app, ada), []);
});

avatar('is left alone by the shredder while its event is on the way', async ({ app, ada }) => {
  const { changeAvatar } = avatarCommands({
    ...app.avatars,
    keep: async (avatarId, ...rest) => {
      const done = await app.avatars.keep(avatarId, ...rest);
      // It comes by with an older event, before this one's is appended.
      await app.avatars.tidy(ada, async () => null);
      return done;
    },
  });
  const picture = { type: 'image/png', bytes: await pngOf() } as const;
  const outcome = await app.execute(changeAvatar, { userId: ada, picture }, app.bed.request());
  assert.equal(await kept(app, ada), [isRejection(outcome) ? outcome.rejected : outcome.result.avatarId]);
  assert.equal((await get(app, ada)).bytes, picture.bytes);
});

avatar('stays where the process died right after its event', async ({ app, ada }) => {
  const { changeAvatar } = avatarCommands({
    ...app.avatars,
    stays: () => Promise.reject(new Error('dead')),
  });
  const picture = { type: 'image/png', bytes: await pngOf() } as const;
  await app.execute(changeAvatar, { userId: ada, picture }, app.bed.request()).then(
    () => assert.unreachable(),
    () => {},
  );
  await shred(app);
  app.bed.clock.advance(25 * 3_600_000);
  assert.equal((await get(app, ada)).bytes, picture.bytes);
});

avatar('that is put up while the shredder looks which is shown is not touched', async ({ app, ada }) => {
  await put(app, ada, await jpegOf());
  await app.avatars.tidy(ada, async () => {
    await put(app, ada, await pngOf(), 'image/png');
    return null;
  });
  assert.is((await get(app, ada)).status, 200);
});

avatar('whose event cannot be appended leaves nothing behind that is shown', async ({ app, ada }) => {
  app.failAppends(true);
  assert.is((await put(app, ada, await jpegOf())).status, 503);
  app.failAppends(false);
  assert.equal(codeOf(await get(app, ada)), [404, 'not-found']);
  assert.is((await put(app, ada, await pngOf(), 'image/png')).status, 204);
  await shred(app);
  app.bed.clock.advance(24 * 3_600_000);
  assert.is((await kept(app, ada)).length, 1);
});

avatar('is sealed under its person’s key, and gone with it', async ({ app, ada }) => {
  await put(app, ada, await jpegOf());
  const [id = ''] = await kept(app, ada);
  const { bytes } = (await app.avatars.read(id)) ?? {};
  const row = await app.bed.vault.get('avatar', id);
  assert.not.ok(
    row?.value.includes(
      Buffer.from(bytes ?? [])
        .toString('base64')
        .slice(0, 40),
    ),
  );
  await app.keys.destroy(ada, app.bed.request().at);
  assert.is(await app.avatars.read(id), null);
  assert.not(await app.avatars.keep('later', ada, { type: 'image/png', bytes: await pngOf() }));
});

avatar.run();
