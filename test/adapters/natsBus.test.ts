import { givenNats, type NatsServer, noNats, startNats } from '../servers/nats.ts';
import { busBehaviours } from './busSuite.ts';
import { deleteStream, openBus } from './nats/parts.ts';

let own: NatsServer | null = null;

busBehaviours(
  'NATS',
  async () => {
    if (givenNats === null) own ??= await startNats();
    const url = givenNats ?? own!.url;
    await deleteStream(url);
    const bus = await openBus(url);
    return { bus, dispose: bus.close };
  },
  { missing: noNats, after: async () => own?.stop() },
);
