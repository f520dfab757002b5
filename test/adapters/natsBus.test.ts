import { deleteStreams, givenNats, noNats, startNats } from '../servers/nats.ts';
import { busBehaviours } from './busSuite.ts';
import { openBus } from './nats/parts.ts';

const onGiven = async (url: string) => {
  await deleteStreams(url);
  const bus = await openBus(url);
  return { bus, dispose: bus.close };
};

const onItsOwn = async () => {
  const server = await startNats();
  const bus = await openBus(server.url);
  const dispose = async () => {
    await bus.close();
    await server.stop();
  };
  return { bus, dispose };
};

busBehaviours('NATS', () => (givenNats === null ? onItsOwn() : onGiven(givenNats)), noNats);
