import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new, empty folder, to be removed by whoever asked for it. */
export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'keyledger-'));
