import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { mayUseInstalled } from './installed.ts';

/** Whether there seems to be a Docker engine; asking it would take each test file a second. */
const mayBeThere = mayUseInstalled && (process.env.DOCKER_HOST !== undefined || existsSync('/var/run/docker.sock'));

/** A container of a test's own, its port the same for as long as it is used. */
export type Contained = {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Ends it at once; what it stored stays. */
  readonly kill: () => Promise<void>;
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  /** After `kill`. */
  readonly start: () => Promise<void>;
  readonly remove: () => Promise<void>;
};

export type ContainerOptions = {
  readonly port: number;
  /** Files in it, by path. */
  readonly files: { readonly [path: string]: string };
  readonly command: readonly string[];
  /** What it logs when it is ready. */
  readonly ready: RegExp;
};

/** @returns null where there is no engine, or none that has the image or can get it */
export const dockerWith = async (image: string) => {
  if (!mayBeThere) return null;
  const { GenericContainer, getContainerRuntimeClient, ImageName, Wait } = await import('testcontainers');
  const engine = await getContainerRuntimeClient().catch(() => null);
  if (engine === null) return null;
  const name = ImageName.fromString(image);
  const isThere =
    (await engine.image.exists(name)) ||
    (await engine.image.pull(name).then(
      () => true,
      () => false,
    ));
  if (!isThere) return null;

  return async ({ port: inside, files, command, ready }: ContainerOptions): Promise<Contained> => {
    const port = await freePort();
    const started = await new GenericContainer(image)
      .withExposedPorts({ container: inside, host: port })
      .withCopyContentToContainer(Object.entries(files).map(([target, content]) => ({ target, content })))
      .withCommand([...command])
      .withWaitStrategy(Wait.forLogMessage(ready))
      .start();
    const container = engine.container.getById(started.getId());
    return {
      port,
      kill: () => container.kill(),
      pause: () => container.pause(),
      resume: () => container.unpause(),
      start: () => container.start(),
      remove: () => container.remove({ force: true, v: true }),
    };
  };
};

/** Chosen here, so that a container that starts again is found where it was. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const holder = createServer().listen(0, '127.0.0.1', () => {
      const { port } = holder.address() as { port: number };
      holder.close(() => resolve(port));
    });
  });
