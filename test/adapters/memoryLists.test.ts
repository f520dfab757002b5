import { createMemoryLists } from '../../adapters/memory/lists.ts';
import { listsModel } from './listsModel.ts';
import { listsBehaviours } from './listsSuite.ts';

const open = async () => {
  const lists = createMemoryLists();
  return { lists, reopen: null, dispose: lists.close };
};

listsBehaviours('memory', open);
listsModel('memory', open, 200);
