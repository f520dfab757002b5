// Part of building the image: Node keeps the program's code without its types, for every start to come. To be run by the
// user, and with the options, of those starts, or they do not find it.
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { isMainThread, Worker } from 'node:worker_threads';

// What is kept for the process is not found by its threads, whose flags are those that are set there: so twice.
if (isMainThread) await import('../main/runtime.mjs');

const program = new URL('../', import.meta.url);
for (const file of globSync('{adapters,api,commands,domain,main,projections,workers}/**/*.ts', { cwd: program })) {
  // What begins a thread misses what that thread is given, but its code is kept by then.
  await import(new URL(file, program)).catch((error) => {
    if (!file.endsWith('Worker.ts')) throw error;
  });
}
if (isMainThread) {
  await once(new Worker(new URL(import.meta.url)), 'exit');
  // These threads are a library's, which loads their code in a way of its own.
  const { passwordHasher } = await import('../adapters/node/passwordHasher.ts');
  const passwords = passwordHasher({ pepper: new Uint8Array(32), cost: 4 });
  await passwords.hash('');
  await passwords.close();
}
process.exit();
