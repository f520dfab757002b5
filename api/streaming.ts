import type { ServerResponse } from 'node:http';
import { promises, Readable } from 'node:stream';

/**
 * Writes an answer part by part, as fast as its receiver takes it: the next part is not made before there is room for it.
 * A receiver who leaves ends the making, which is no error; what goes wrong in the making ends the connection without
 * the last chunk, so that nobody takes half an answer for a whole one.
 */
export const streamText = async (response: ServerResponse, parts: AsyncIterable<string>): Promise<void> => {
  try {
    await promises.pipeline(Readable.from(parts, { highWaterMark: 1 }), response);
  } catch (error) {
    if (!hasLeft(error)) throw error;
  }
};

const hasLeft = (error: unknown): boolean =>
  error instanceof Error && (error as { code?: unknown }).code === 'ERR_STREAM_PREMATURE_CLOSE';
