import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

// Code whose types were stripped once is kept for the next start. Without it each thread loads the compiler for itself:
// some 60 MB of memory, and a third of a second. Threads look for the folder in the environment. Where nothing can be
// written, nothing is kept.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/keyledger', import.meta.url));
enableCompileCache(process.env.NODE_COMPILE_CACHE);

// After a burst of commands that wait for the disk, V8 takes requests for long-lived and makes all later ones where only
// full collections clean up. Their garbage keeps alive what it points to, and verifying costs half as much again.
setFlagsFromString('--no-allocation-site-pretenuring');
