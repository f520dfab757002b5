// Plain JavaScript, as what it begins with is: code without types is found from there on, and this file alone would have
// the compiler loaded.
import './runtime.mjs';

// Whoever read what this writes may be gone, as after `| head`: that ends neither a server nor an operation half way.
for (const out of [process.stdout, process.stderr]) out.on('error', () => {});

const { commandLine } = await import('./commandLine.ts');
process.exitCode = await commandLine(process.argv.slice(2), process.env);
