import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import * as assert from 'uvu/assert';
import { expectStatus } from '../../support/client.ts';
import {
  animatedPng,
  bombPng,
  cmykJpeg,
  gif,
  jpegOf,
  metadataOf,
  pixelOf,
  pngOf,
  svg,
  telltaleJpeg,
  turnedJpeg,
  webp,
  wholePng,
} from '../../support/pictures.ts';
import { password } from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';
import { startTable, type TableServer } from '../../support/tableServer.ts';

const s = suite<{ of: TableServer; cookie: string }>('pictures, one by one, taken by the real process');

const tooLarge = 1_048_576;

s.before(async (context) => {
  const of = await startTable();
  const { email } = await of.make({ externalProvider: undefined, password });
  const signedIn = expectStatus(await of.nobody.post('/v1/session', { email, password }), 200);
  const cookie = signedIn.headers.getSetCookie()[0]!.split(';')[0]!;
  Object.assign(context, { of, cookie });
});
s.after(({ of }) => of.stop());

type Caller = { readonly of: TableServer; readonly cookie: string };

const call = async ({ of, cookie }: Caller, method: string, body?: Uint8Array, type = 'image/png') => {
  const response = await fetch(`${of.server.url}/v1/profile/avatar`, {
    method,
    headers: { cookie, ...(body && { 'content-type': type }) },
    ...(body && { body }),
  });
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
};

const codeOf = ({ status, bytes }: Awaited<ReturnType<typeof call>>) =>
  status < 400 ? [status] : [status, JSON.parse(bytes.toString()).code];

/** What is shown of a picture that was taken. */
const taken = async (caller: Caller, file: Uint8Array, type?: string) => {
  assert.equal(codeOf(await call(caller, 'PUT', file, type)), [204]);
  const shown = await call(caller, 'GET');
  assert.is(shown.status, 200);
  assert.is(shown.headers.get('x-content-type-options'), 'nosniff');
  return shown;
};

s('idmp · profile: an avatar, JPG, JPEG or PNG under 1 MB', async (caller) => {
  for (const [file, type] of [
    [await jpegOf(700, 500), 'image/jpeg'],
    [await pngOf(700, 500), 'image/png'],
  ] as const)
    await caller.of.underEach(async () => {
      const shown = await taken(caller, file, type);
      assert.is(shown.headers.get('content-type'), type);
      const { width, height } = await metadataOf(shown.bytes);
      assert.equal([width, height], [500, 500]);
      assert.is((await call(caller, 'DELETE')).status, 204);
      assert.equal(codeOf(await call(caller, 'GET')), [404, 'not-found']);
    });
  const jpeg = await jpegOf();
  const padded = (length: number) => Buffer.concat([jpeg, Buffer.alloc(length - jpeg.length)]);
  for (const length of [tooLarge, tooLarge + 1])
    assert.equal(codeOf(await call(caller, 'PUT', padded(length), 'image/jpeg')), [413, 'payload-too-large']);
  for (const type of ['image/gif', 'image/svg+xml', 'image/webp', 'application/octet-stream'])
    assert.equal(codeOf(await call(caller, 'PUT', jpeg, type)), [415, 'unsupported-media-type'], type);
  assert.equal(codeOf(await call(caller, 'GET')), [404, 'not-found'], 'nothing was kept of any');
  await taken(caller, padded(tooLarge - 1), 'image/jpeg');
});

s('one byte too many is refused where no length was said before, too', async ({ of, cookie }) => {
  const status = await new Promise<number>((resolve, reject) => {
    const headers = { cookie, 'content-type': 'image/jpeg', 'transfer-encoding': 'chunked' };
    const sending = request(`${of.server.url}/v1/profile/avatar`, { method: 'PUT', headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sending.on('error', reject);
    sending.write(Buffer.alloc(tooLarge - 1));
    sending.end('xx');
  });
  assert.is(status, 413);
});

/** As many bytes as the process ever had in memory at once; null: this system does not say. */
const mostMemory = ({ of }: Caller): number | null => {
  const file = `/proc/${of.server.pid}/status`;
  if (!existsSync(file)) return null;
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(file, 'utf8'))?.[1]) * 1024;
};

s(
  'what is no picture, or not what it says, is refused, nothing of it kept, and memory stays bounded',
  async (caller) => {
    const [jpeg, png] = [await jpegOf(400, 300), await pngOf(400, 300)];
    const before = await taken(caller, jpeg, 'image/jpeg');
    const memory = mostMemory(caller);
    const bomb = bombPng();
    assert.ok(bomb.length < 1_100, `${bomb.length} bytes`);
    const wrong = [
      ['no bytes', Buffer.alloc(0)],
      ['SVG', svg()],
      ['SVG that begins as a PNG', Buffer.concat([png.subarray(0, 8), svg()])],
      ['GIF', await gif()],
      ['WebP', await webp()],
      ['50,000 x 50,000 pixels in 1 KB', bomb],
      ['one row more than 25 megapixels', wholePng(5_000, 5_001)],
      ['half a JPEG', jpeg.subarray(0, jpeg.length / 2)],
      ['half a PNG', png.subarray(0, png.length / 2)],
      ['text', Buffer.from('a picture')],
    ] as const;
    for (let round = 0; round < 5; round += 1)
      for (const [name, file] of wrong)
        for (const type of ['image/png', 'image/jpeg'])
          assert.equal(codeOf(await call(caller, 'PUT', file, type)), [422, 'image-invalid'], `${name} as ${type}`);
    const bombs = await Promise.all(Array.from({ length: 16 }, () => call(caller, 'PUT', bomb)));
    for (const answer of bombs) assert.ok([422, 503].includes(answer.status), String(answer.status));
    const after = await call(caller, 'GET');
    assert.equal(after.bytes, before.bytes, 'the one there was is still there');
    const most = mostMemory(caller);
    // Decoded, a single bomb would take 2.5 GB.
    if (memory !== null && most !== null) assert.ok(most - memory < 100_000_000, `${most - memory} bytes more`);
  },
);

s('of a JPEG with GPS, camera and comments only what is seen is kept', async (caller) => {
  const file = await telltaleJpeg();
  assert.ok((await metadataOf(file)).exif && file.includes('telltale'));
  const { bytes } = await taken(caller, file, 'image/jpeg');
  const { exif, xmp, iptc, icc, comments } = await metadataOf(bytes);
  assert.equal([exif, xmp, iptc, icc, comments], Array(5).fill(undefined));
  for (const text of ['telltale', 'Exif', 'GPS']) assert.not.ok(bytes.includes(text), text);
});

const isRed = ([r = 0, g = 0, b = 0]: readonly number[]) => r > 150 && g < 100 && b < 100;
const isBlue = ([r = 0, g = 0, b = 0]: readonly number[]) => r < 100 && g < 100 && b > 150;

s('what a camera turned stands upright', async (caller) => {
  const { bytes } = await taken(caller, await turnedJpeg(), 'image/jpeg');
  assert.ok(isRed(await pixelOf(bytes, 16, 4)) && isBlue(await pixelOf(bytes, 16, 28)));
  assert.is((await metadataOf(bytes)).orientation, undefined);
});

s('a JPEG in CMYK becomes one that every browser shows', async (caller) => {
  const file = await cmykJpeg();
  assert.is((await metadataOf(file)).space, 'cmyk');
  const { bytes } = await taken(caller, file, 'image/jpeg');
  assert.is((await metadataOf(bytes)).space, 'srgb');
  assert.ok(isRed(await pixelOf(bytes, 10, 10)));
});

s('of an animated PNG the first frame is kept', async (caller) => {
  const file = animatedPng();
  assert.ok(file.includes('acTL'));
  const { bytes } = await taken(caller, file);
  assert.not.ok(bytes.includes('acTL'));
  assert.equal((await pixelOf(bytes, 8, 8)).slice(0, 1), [0]);
});

s.run();
