// `npm run docs`: writes the documents that follow from the code.
import { writeFileSync } from 'node:fs';
import { callsTable, everyCall } from './callsTable.ts';

writeFileSync(new URL('../docs/calls.md', import.meta.url), callsTable(everyCall()));
