import { Failure } from '../../commands/failure.ts';
import type { Images, Picture } from '../../commands/ports/images.ts';

export type ImagesOptions = {
  /** How many may wait while one is read; who comes after is refused with code `too-busy`. */
  readonly queue?: number;
  /** Seconds that one picture may take. */
  readonly seconds?: number;
};

const mostPixels = 25_000_000;
const longestSide = 512;

/** With the first picture: it takes a tenth of a second and 28 MB, which most processes never need. */
const loadSharp = async () => {
  const { default: sharp } = await import('sharp');
  // What is not read cannot be attacked: of everything that the library can open, two formats stay.
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer'] });
  // Nobody sends the same picture twice; what is kept of one would only hold memory.
  sharp.cache(false);
  sharp.concurrency(1);
  return sharp;
};

type Sharp = Awaited<ReturnType<typeof loadSharp>>;

const beginsWith = (file: Uint8Array, start: readonly number[]): boolean => start.every((byte, i) => file[i] === byte);

const typeOf = (file: Uint8Array): Picture['type'] | null => {
  if (beginsWith(file, [0xff, 0xd8, 0xff])) return 'image/jpeg';
  return beginsWith(file, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) ? 'image/png' : null;
};

/** @throws where the file is not what it began as, or is too large */
const remade = async (sharp: Sharp, file: Uint8Array, type: Picture['type'], seconds: number): Promise<Uint8Array> => {
  // The size stands in the header: nothing is decoded of what is too large.
  const { width, height } = await sharp(file, { limitInputPixels: mostPixels }).metadata();
  const side = Math.min(longestSide, width, height);
  const picture = sharp(file, { limitInputPixels: mostPixels, failOn: 'error', sequentialRead: true })
    .autoOrient()
    .resize(side, side, { fit: 'cover' })
    .toColourspace('srgb')
    .timeout({ seconds });
  const made = type === 'image/jpeg' ? picture.jpeg({ quality: 85 }) : picture.png();
  return made.toBuffer();
};

/** One picture at a time, by sharp: the largest takes 100 MB while it is read, and a thread that others need as well. */
export const sharpImages = ({ queue = 16, seconds = 10 }: ImagesOptions = {}): Images => {
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  let loaded: Promise<Sharp> | null = null;

  return {
    avatarOf: async (file) => {
      const type = typeOf(file);
      if (type === null) return null;
      if (waiting > queue) throw new Failure('too-busy', 'too many pictures are waiting to be read');
      waiting += 1;
      loaded ??= loadSharp();
      const sharp = loaded;
      // What sharp says of a file is about the file: there is nothing else that could go wrong in it.
      const reading = last.then(async () =>
        remade(await sharp, file, type, seconds).then(
          (bytes): Picture => ({ type, bytes }),
          () => null,
        ),
      );
      last = reading.catch(() => {});
      try {
        return await reading;
      } finally {
        waiting -= 1;
      }
    },
  };
};
