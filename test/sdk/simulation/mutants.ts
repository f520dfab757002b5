// By hand: `node test/sdk/simulation/mutants.ts` breaks a copy of the verifier in one way after the other, and tells
// which seed notices; `… mutants.ts 300 7` tries 300 seeds, from the eighth way on. One that nobody notices is a hole in the simulation.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Sdk, simulate } from './simulate.ts';

type Mutant = { readonly what: string; readonly file: string; readonly from: string; readonly to: string };

const mutants: readonly Mutant[] = [
  {
    what: 'a message drops nothing from memory',
    file: 'core/core.ts',
    from: '      known.forget(message);\n',
    to: '',
  },
  {
    what: 'a message for an owner drops nothing',
    file: 'core/known.ts',
    from: 'memory.dropOwner(ownerId!)',
    to: 'undefined',
  },
  {
    what: 'answers are kept whatever overtook them',
    file: 'core/asking.ts',
    from: ' || overtaking.hasOvertaken(answer)',
    to: '',
  },
  {
    what: 'a gap is no reason for distrust',
    file: 'core/feed.ts',
    from: 'if (!hadGap) distrust();',
    to: '',
  },
  {
    what: 'a heartbeat that speaks of a missing message is believed',
    file: 'core/feed.ts',
    from: 'if (isBeyond(received.lastMessage, place.position())) return early.keep(received, came);',
    to: '',
  },
  {
    what: 'memory survives another log',
    file: 'core/core.ts',
    from: '      known.clear();\n      asking.restarted();',
    to: '      asking.restarted();',
  },
  {
    what: 'a proof is from when it came, however late',
    file: 'core/proof.ts',
    from: 'at = Math.max(at, least.came + (newest - least.provenAt));\n      surelyAt = Math.max(surelyAt, first.asked + (newest - first.provenAt));',
    to: 'at = now;\n      surelyAt = now;',
  },
  {
    what: 'memory says yes for as long as the server is silent',
    file: 'core/trust.ts',
    from: '!distrusted && !closed && now - proof.surelyAt() <= maxSilenceMs',
    to: '!distrusted && !closed',
  },
  {
    what: 'distrusted memory is used where the server is silent',
    file: 'core/trust.ts',
    from: '!distrusted && !closed && now',
    to: '!closed && now',
  },
  {
    what: 'a key is not past its end by the time of the server',
    file: 'core/known.ts',
    from: 'endsAt <= clock.at(now) || endsAt <= proof.serverTime()',
    to: 'endsAt <= clock.at(now)',
  },
  {
    what: 'scopes are not checked in memory',
    file: 'core/known.ts',
    from: '(scopes.length === 0 || holds(entry.key, scopes))',
    to: 'scopes !== null',
  },
  {
    what: 'signatures are not checked',
    file: 'transport/signed.ts',
    from: "return verify(key.publicKey, data, Buffer.from(signature, 'base64'));",
    to: 'return verify !== null;',
  },
  {
    what: 'what is beyond a gap is confirmed',
    file: 'core/place.ts',
    from: 'if (isBeyond(previous, position)) ahead = [...ahead, { position: at, previous }].slice(-mostAhead);\n      else reach(at);',
    to: 'reach(at);',
  },
  {
    what: 'a confirmation that failed is not repeated',
    file: 'core/receipts.ts',
    from: 'if (!isOver) wanted ??= place;',
    to: '',
  },
  {
    what: 'an answer that came after its time is used',
    file: 'core/calls.ts',
    from: 'if (isQuestion && monotonic() - sentAt > timeoutMs)',
    to: 'if (isQuestion && monotonic() < sentAt)',
  },
];

const source = fileURLToPath(new URL('../../../sdk/src', import.meta.url));
const [seeds = 1500, first = 0] = process.argv.slice(2).map(Number);

const broken = async ({ file, from, to }: Mutant, folder: string): Promise<Sdk> => {
  cpSync(source, folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const path = join(folder, file);
  const text = readFileSync(path, 'utf8');
  if (!text.includes(from)) throw new Error(`${file} does not hold ${from}`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  const load = (name: string) => import(pathToFileURL(join(folder, name)).href);
  return {
    ...(await load('core/core.ts')),
    ...(await load('transport/inbox.ts')),
    ...(await load('transport/signed.ts')),
  } as Sdk;
};

let unnoticed = 0;
for (const mutant of mutants.slice(first)) {
  const folder = mkdtempSync(join(tmpdir(), 'keyledger-mutant-'));
  try {
    const sdk = await broken(mutant, folder);
    let noticed: string | null = null;
    for (let seed = 0; seed < seeds && noticed === null; seed++) {
      noticed = await simulate(seed, sdk).then(
        () => null,
        (error: Error) => `seed ${seed}: ${error.message}`,
      );
    }
    if (noticed === null) unnoticed++;
    console.log(`${mutant.what}\n    ${noticed ?? 'NOBODY NOTICES'}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
console.log(`${mutants.length} mutants, ${unnoticed} unnoticed`);
process.exitCode = unnoticed > 0 ? 1 : 0;
