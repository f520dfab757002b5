import { setFlagsFromString } from 'node:v8';
import { commandLine } from './commandLine.ts';

// After a burst of commands that wait for the disk, V8 takes requests for long-lived and makes all later ones where only
// full collections clean up. Their garbage keeps alive what it points to, and verifying costs half as much again.
setFlagsFromString('--no-allocation-site-pretenuring');

// Whoever read what this writes may be gone, as after `| head`: that ends neither a server nor an operation half way.
for (const out of [process.stdout, process.stderr]) out.on('error', () => {});

process.exitCode = await commandLine(process.argv.slice(2), process.env);
