// `npm run docs`: writes the documents that follow from the code.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { behavioursTable, everyBehaviour } from './behaviours.ts';
import { callsTable, everyCall } from './callsTable.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

writeFileSync(new URL('../docs/calls.md', import.meta.url), callsTable(everyCall()));
writeFileSync(new URL('../docs/behaviours.md', import.meta.url), behavioursTable(everyBehaviour(root)));
