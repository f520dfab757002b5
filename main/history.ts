import type { OpenedEvent, ReadKeysContext } from '../api/readKeys.ts';
import type { StoredEvent } from '../commands/ports/eventStore.ts';
import type { Actor } from '../domain/event.ts';
import { displayName } from '../domain/profile.ts';
import { userStream } from '../domain/user.ts';
import { user } from '../domain/userDecider.ts';
import type { Inside } from './core.ts';

const pageSize = 500;

/** Events as people read them: opened, each with the name of who acted. */
export const historyOf = ({ stores, codec, folds }: Pick<Inside, 'stores' | 'codec' | 'folds'>) => {
  const { store } = stores;

  const label = async ({ kind, id }: Actor): Promise<string | null> => {
    if (id === null || (kind !== 'user' && kind !== 'admin')) return null;
    return folds.read(user, userStream(id), ({ state }) =>
      state === null || state.status === 'erased' ? null : displayName(state.profile, state.email, state.userId),
    );
  };

  const labelled = async (stored: readonly StoredEvent[]): Promise<readonly OpenedEvent[]> => {
    const opened = await codec.openAll(stored);
    const labels = new Map<string | null, string | null>();
    for (const { metadata } of opened)
      if (!labels.has(metadata.actor.id)) labels.set(metadata.actor.id, await label(metadata.actor));
    return opened.map((event) => ({
      event: event as OpenedEvent['event'],
      label: labels.get(event.metadata.actor.id) ?? null,
    }));
  };

  const history: ReadKeysContext['history'] = async (stream, wanted = () => true) => {
    const events: StoredEvent[] = [];
    for (let from = 0; ; ) {
      const page = await store.readStream(stream, from, pageSize);
      events.push(...page.events.filter(wanted));
      if (page.end) return labelled(events);
      from += page.events.length;
    }
  };

  return { label, labelled, history };
};
