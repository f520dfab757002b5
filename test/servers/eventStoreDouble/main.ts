// The double in a process of its own: `node test/servers/eventStoreDouble/main.ts [PORT] [FILE]`.
// Prints its connection string and runs until its standard input ends, so that it never outlives whoever started it.
import { startEventStoreDouble } from './double.ts';

const [, , port = '0', file] = process.argv;
const double = await startEventStoreDouble({ port: Number(port), ...(file === undefined ? {} : { file }) });
console.log(double.connectionString);
process.stdin.resume();
process.stdin.on('end', () => void double.close());
