// A process that puts rows, 16 at a time, and says which were acknowledged, until it is killed.
// node test/support/vaultWriter.ts FILE PREFIX
import { openVault } from '../../adapters/sqlite/vault.ts';
import { createManualClock } from './manualClock.ts';

const [file, prefix] = process.argv.slice(2);
const vault = await openVault({ file: file!, clock: createManualClock() });

let count = 0;
const write = async () => {
  for (;;) {
    const id = `${prefix}-${count++}`;
    const row = { kind: 'thing', id, value: 'x'.repeat(count % 3000), person: null, ref: null, expiresAt: null };
    const result = await vault.put(row, 'absent');
    if (result.put) process.send!({ id, version: result.version });
  }
};

await Promise.all(Array.from({ length: 16 }, write));
