import { createMemoryVault } from '../../adapters/memory/vault.ts';
import { createManualClock } from '../support/manualClock.ts';
import { vaultModel } from './vaultModel.ts';
import { vaultBehaviours } from './vaultSuite.ts';

const open = async () => {
  const clock = createManualClock();
  const vault = createMemoryVault(clock);
  return { vault, clock, reopen: null, dispose: vault.close };
};

vaultBehaviours('memory', open);
vaultModel('memory', open, 200);
