import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventStoreInUse, givenEventStore, startEventStore } from '../../test/servers/eventStore.ts';

const double = fileURLToPath(new URL('../../test/servers/eventStoreDouble/main.ts', import.meta.url));

/** EventStoreDB as tests find it, or the double in a process of its own. */
export const eventStoreServer = async (): Promise<{ connectionString: string; stop: () => Promise<void> }> => {
  if (givenEventStore !== null) return { connectionString: givenEventStore, stop: async () => {} };
  if (eventStoreInUse !== 'the double') return startEventStore();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', double], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return {
    connectionString: String(line).trim(),
    stop: async () => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
};
