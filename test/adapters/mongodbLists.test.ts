import { openLists } from '../../adapters/mongodb/lists.ts';
import { noMongo, sharedMongo } from '../servers/mongodb.ts';
import { listsModel } from './listsModel.ts';
import { listsBehaviours } from './listsSuite.ts';

const mongo = sharedMongo();
const server = { missing: noMongo, after: mongo.stop };

const open = async () => {
  const database = mongo.database();
  const url = await mongo.url();
  const another = () => openLists({ url, database });
  const lists = await another();
  const dispose = async () => {
    await lists.close();
    await mongo.drop(database);
  };
  return { lists, another, reopen: another, dispose };
};

listsBehaviours('MongoDB', open, server);
listsModel('MongoDB', open, 10, server);
