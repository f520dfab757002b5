import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openLists } from '../../adapters/sqlite/lists.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { listsModel } from './listsModel.ts';
import { listsBehaviours } from './listsSuite.ts';

const open = async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'lists.sqlite');
  const lists = await openLists({ file });
  const dispose = async () => {
    await lists.close();
    rmSync(folder, { recursive: true });
  };
  return { lists, reopen: () => openLists({ file }), dispose };
};

listsBehaviours('SQLite', open);
listsModel('SQLite', open, 60);
