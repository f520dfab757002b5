import type { Command } from '../../../commands/command.ts';
import type { AnyEventType, Catalogue } from '../../../commands/handling/eventCodec.ts';
import { type Decider, isRejection, reject } from '../../../domain/decider.ts';
import { UnreadableEvent } from '../../../domain/upcast.ts';

/** A person's notes: the smallest aggregate with a limit, names, personal data and an event that ends something. */
export type NoteEvent =
  | { type: 'NoteAdded'; data: { id: string; text: string | null; by?: string | null } }
  | { type: 'NoteRemoved'; data: { id: string } };

export type Notes = { notes: { id: string; text: string | null; revision: number }[]; seen: string[] };

export type NoteCommand =
  | { type: 'Add'; id: string; text: string; times?: number; limit?: number }
  | { type: 'Remove'; id: string };

export const notes: Decider<Notes, NoteCommand, NoteEvent> = {
  name: 'notes',
  foldVersion: 1,
  initialState: () => ({ notes: [], seen: [] }),
  decide: (command, state) => {
    if (command.type === 'Remove') {
      return state.notes.some(({ id }) => id === command.id) ? [{ type: 'NoteRemoved', data: { id: command.id } }] : [];
    }
    if (state.notes.some(({ text }) => text === command.text)) return reject('api-key-name-taken');
    const limit = command.limit ?? 1_000;
    if (state.notes.length >= limit) return reject('api-key-limit-reached', { limit });
    return Array.from({ length: command.times ?? 1 }, (_, n) => ({
      type: 'NoteAdded',
      data: { id: n === 0 ? command.id : `${command.id}/${n}`, text: n === 0 ? command.text : `${command.text}/${n}` },
    }));
  },
  evolve: (state, event) => {
    state.seen.push(`${event.position} ${event.eventId} ${event.metadata.ip ?? ''}`);
    if (event.type === 'NoteAdded') {
      const { id, text } = event.data;
      state.notes.push({ id, text, revision: event.revision });
    } else {
      state.notes = state.notes.filter(({ id }) => id !== event.data.id);
    }
    return state;
  },
};

/** Nobody's stream. */
export type TallyEvent = { type: 'Tallied'; data: { by: string } };
export const tally: Decider<{ by: string[] }, { by: string; limit?: number }, TallyEvent> = {
  name: 'tally',
  foldVersion: 1,
  initialState: () => ({ by: [] }),
  decide: ({ by, limit }, state) =>
    state.by.includes(by)
      ? reject('conflict')
      : state.by.length === limit
        ? reject('api-key-limit-reached')
        : [{ type: 'Tallied', data: { by } }],
  evolve: (state, event) => {
    state.by.push(event.data.by);
    return state;
  },
};

const types: { readonly [type: string]: AnyEventType } = {
  NoteAdded: { version: 1, personal: ['text'], person: 'stream', narrows: false },
  NoteRemoved: { version: 1, personal: [], person: 'stream', narrows: true },
  Tallied: { version: 1, personal: [], person: 'actor', narrows: false },
};

export const toyCatalogue: Catalogue = {
  typeOf: (type) => {
    const declared = types[type];
    if (!declared) throw new UnreadableEvent(type, 0, 'an unknown type');
    return declared;
  },
  upcast: (type, version) => {
    throw new UnreadableEvent(type, version, 'toys have one version');
  },
};

export type AddInput = { person: string; text: string; times?: number; limit?: number };

/** One stream; answers the note's id and a secret made for it. */
export const addNote: Command<AddInput, { id: string; count: number; text: string | null }> = {
  name: 'AddNote',
  several: false,
  run: async ({ person, ...input }, run) => {
    const id = run.newId('note');
    const step = await run.step(
      notes,
      `user-${person}`,
      (state) => notes.decide({ type: 'Add', id, ...input }, state),
      { newPerson: person, reason: 'a reason' },
    );
    if (isRejection(step)) return step;
    const text = Buffer.from(run.secretBytes('text', 15)).toString('hex');
    const mine = step.state.notes.find((note) => note.id === id);
    return { result: { id, count: step.state.notes.length, text: mine?.text ?? null }, secret: { keyId: id, text } };
  },
};

export const removeNote: Command<{ person: string; id: string }, { count: number }> = {
  name: 'RemoveNote',
  several: false,
  run: async ({ person, id }, run) => {
    const step = await run.step(notes, `user-${person}`, (state) => notes.decide({ type: 'Remove', id }, state), {
      revisionOf: (state) => state.notes.find((note) => note.id === id)?.revision ?? null,
    });
    return isRejection(step) ? step : { result: { count: step.state.notes.length } };
  },
};

/** Three streams: a tally that may refuse, then the person's notes, then a tally of their own. */
export const register: Command<{ person: string; text: string; limit?: number }, { person: string; id: string }> = {
  name: 'Register',
  several: true,
  run: async ({ person, text, limit }, run) => {
    const id = run.newId('note');
    const command = { by: person, ...(limit !== undefined && { limit }) };
    const first = await run.step(tally, 'tally', (state) => tally.decide(command, state));
    if (isRejection(first)) return first;
    const second = await run.step(notes, `user-${person}`, (state) => notes.decide({ type: 'Add', id, text }, state), {
      newPerson: person,
    });
    if (isRejection(second)) return second;
    const third = await run.step(tally, `tally-${person}`, (state) => tally.decide({ by: person }, state));
    return isRejection(third) ? third : { result: { person, id } };
  },
};
