import * as assert from 'uvu/assert';
// First: it takes from the library what it must not read, which the pictures of the tests do not need either.
import { sharpImages } from '../../../adapters/sharp/images.ts';
import { failedWith } from '../../../commands/failure.ts';
import type { Picture } from '../../../commands/ports/images.ts';
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
import { suite } from '../../support/suite.ts';

const images = suite('pictures through sharp');

const { avatarOf } = sharpImages();

const taken = async (file: Uint8Array): Promise<Picture> => {
  const picture = await avatarOf(file);
  if (picture === null) throw new Error('was refused');
  return picture;
};

images('a JPEG stays a JPEG and a PNG a PNG, cut to a square', async () => {
  for (const [file, type] of [
    [await jpegOf(600, 300), 'image/jpeg'],
    [await pngOf(300, 600), 'image/png'],
  ] as const) {
    const picture = await taken(file);
    const { width, height, format } = await metadataOf(picture.bytes);
    assert.equal([picture.type, width, height, `image/${format}`], [type, 300, 300, type]);
  }
});

images('none has more than 512 pixels a side, and a small one is not blown up', async () => {
  for (const [width, height, side] of [
    [2000, 1500, 512],
    [40, 30, 30],
    [1, 1, 1],
  ] as const) {
    const made = await metadataOf((await taken(await jpegOf(width, height))).bytes);
    assert.equal([made.width, made.height], [side, side]);
  }
});

images('of a JPEG with GPS, camera and comments only what is seen is kept', async () => {
  const file = await telltaleJpeg();
  const before = await metadataOf(file);
  assert.ok(before.exif && before.xmp && file.includes('telltale'));
  const { bytes } = await taken(file);
  const { exif, xmp, iptc, icc, comments } = await metadataOf(bytes);
  assert.equal(
    { exif, xmp, iptc, icc, comments },
    {
      exif: undefined,
      xmp: undefined,
      iptc: undefined,
      icc: undefined,
      comments: undefined,
    },
  );
  assert.not.ok(Buffer.from(bytes).includes('telltale'));
  assert.not.ok(Buffer.from(bytes).includes('Exif'));
});

const isRed = ([r = 0, g = 0, b = 0]: readonly number[]) => r > 150 && g < 100 && b < 100;
const isBlue = ([r = 0, g = 0, b = 0]: readonly number[]) => r < 100 && g < 100 && b > 150;

images('what a camera wrote on its side stands upright', async () => {
  const { bytes } = await taken(await turnedJpeg());
  assert.ok(isRed(await pixelOf(bytes, 16, 4)));
  assert.ok(isBlue(await pixelOf(bytes, 16, 28)));
  assert.is((await metadataOf(bytes)).orientation, undefined);
});

images('a JPEG in CMYK becomes one that every browser shows', async () => {
  const file = await cmykJpeg();
  assert.is((await metadataOf(file)).space, 'cmyk');
  const { bytes } = await taken(file);
  assert.is((await metadataOf(bytes)).space, 'srgb');
  assert.ok(isRed(await pixelOf(bytes, 10, 10)));
});

images('of an animated PNG the first frame is kept', async () => {
  const file = animatedPng();
  assert.ok(file.includes('acTL'));
  const { bytes, type } = await taken(file);
  assert.is(type, 'image/png');
  assert.not.ok(Buffer.from(bytes).includes('acTL'));
  assert.equal((await pixelOf(bytes, 8, 8)).slice(0, 1), [0]);
});

images('what only says it is a picture is none', async () => {
  const jpeg = await jpegOf(400, 300);
  const png = await pngOf(400, 300);
  for (const [name, file] of [
    ['nothing', new Uint8Array(0)],
    ['text', Buffer.from('a picture')],
    ['SVG', svg()],
    ['GIF', await gif()],
    ['WebP', await webp()],
    ['half a JPEG', jpeg.subarray(0, jpeg.length / 2)],
    ['half a PNG', png.subarray(0, png.length / 2)],
    ['the beginning of a JPEG', Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
    ['a JPEG whose middle is noise', Buffer.concat([jpeg.subarray(0, 4), Buffer.alloc(5_000, 0x5a)])],
    ['SVG that begins as a PNG', Buffer.concat([png.subarray(0, 8), svg()])],
    ['TIFF', Buffer.from('49492a0008000000', 'hex')],
  ] as const)
    assert.is(await avatarOf(file), null, name);
});

images('50,000 x 50,000 pixels in 1 KB are refused, and nothing of them is decoded', async () => {
  const file = bombPng();
  assert.ok(file.length < 1_100, String(file.length));
  const before = process.memoryUsage().rss;
  assert.is(await avatarOf(file), null);
  assert.ok(process.memoryUsage().rss - before < 50_000_000);
});

images('25 megapixels are taken, one row more is not', async () => {
  const picture = await taken(wholePng(5_000, 5_000));
  assert.is((await metadataOf(picture.bytes)).width, 512);
  assert.is(await avatarOf(wholePng(5_000, 5_001)), null);
});

images('who comes when too many wait is told to come again, and the others are served', async () => {
  const { avatarOf } = sharpImages({ queue: 2 });
  const file = await jpegOf();
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => avatarOf(file)));
  assert.equal(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
  const [, , , , last] = outcomes;
  assert.ok(last?.status === 'rejected' && failedWith(last.reason, 'too-busy'));
  assert.is.not(await avatarOf(file), null);
});

images.run();
