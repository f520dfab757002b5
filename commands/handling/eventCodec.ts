import type { DomainEvent, EventType, Metadata, Recorded } from '../../domain/event.ts';
import type { Json } from '../../domain/json.ts';
import type { Cryptography } from '../environment.ts';
import type { EventToAppend, Position, SealedFields, StoredEvent, StoredMetadata } from '../ports/eventStore.ts';
import { fromBase64, fromUtf8, toBase64, toUtf8 } from '../sealing/encoding.ts';
import type { PersonKey, PersonKeys } from '../sealing/personKeys.ts';
import { personOfActor } from './persons.ts';

type Data = DomainEvent['data'];

/** What is declared of an event's type, whatever union it is of. */
export type AnyEventType = Pick<EventType<Data>, 'version' | 'personal' | 'person' | 'narrows'>;

/** Every type of event that this release knows. */
export type Catalogue = {
  /** @throws where the type is unknown */
  readonly typeOf: (type: string) => AnyEventType;
  /** From the version it was written in to the newest. @throws where type or version is unknown */
  readonly upcast: (type: string, version: number, data: Data) => Data;
};

/** An event of the log, readable. `personal`: whether what it says of persons could be read, or is null for ever. */
export type Opened = Recorded<DomainEvent> & { readonly personal: 'present' | 'erased' };

export type Envelope = Omit<Metadata, 'version'>;

export type SealedEvent = {
  readonly toAppend: EventToAppend;
  /** As it will be read back, once its place is known. */
  readonly openedAt: (revision: number, position: Position) => Opened;
};

export type EventCodec = {
  /**
   * Moves what is personal under the keys of those it speaks of. Of an erased person nothing personal is written.
   * @throws where the person that an event speaks of never had a key
   */
  readonly seal: (
    stream: string,
    events: readonly (DomainEvent & { readonly id: string })[],
    envelope: Envelope,
  ) => Promise<readonly SealedEvent[]>;
  /** @throws where a box was tampered with, or moved here from another event or person */
  readonly open: (event: StoredEvent) => Promise<Opened>;
  /** In the same order; keys are fetched once per person. */
  readonly openAll: (events: readonly StoredEvent[]) => Promise<readonly Opened[]>;
  /** Without decrypting: everything personal is null, whether or not it is erased. */
  readonly view: (event: StoredEvent) => Recorded<DomainEvent>;
  readonly narrows: (type: string) => boolean;
};

/** Events that speak of nobody (a free text by a service or a worker) are sealed too, under a key that is never destroyed. */
const nobody = 'installation';

// Stored shapes: the plain texts of the two boxes. Where the event's person is who acted, one box holds both.
type SealedMetadata = { readonly ip: string | null; readonly userAgent: string | null };
type SealedData = { readonly fields?: Data; readonly reason?: string; readonly seen?: SealedMetadata };

export const eventCodec = (deps: { crypto: Cryptography; keys: PersonKeys; catalogue: Catalogue }): EventCodec => {
  const { crypto, keys, catalogue } = deps;

  const box = (key: Uint8Array, person: string, aad: string, plain: SealedData | SealedMetadata): SealedFields => ({
    person,
    box: toBase64(crypto.seal(key, toUtf8(JSON.stringify(plain)), aad)),
  });

  const unbox = (key: Uint8Array, sealed: SealedFields, aad: string): unknown => {
    const plain = crypto.open(key, fromBase64(sealed.box), aad);
    if (!plain) throw new Error(`what is sealed in the ${aad} is not what was sealed there`);
    return JSON.parse(fromUtf8(plain));
  };

  const sealOne = async (
    stream: string,
    event: DomainEvent & { readonly id: string },
    envelope: Envelope,
  ): Promise<SealedEvent> => {
    const { id, type } = event;
    const { ip, userAgent, reason, ...clear } = envelope;
    const declared = catalogue.typeOf(type);
    const { open, hidden } = divided(event.data, declared.personal);

    const ofEvent = personOf(declared, event.data, stream, envelope);
    // An address speaks of whoever acted. Where that is no person of ours (a failed sign-in, a service) it is the event's
    // person whom it may identify, so it lies under their key; where there is none either, it is not kept at all.
    const ofAddress = ip === null && userAgent === null ? null : (personOfActor(envelope.actor) ?? ofEvent);
    let keptAddress = false;

    const person = ofEvent ?? nobody;
    let sealed: SealedFields | undefined;
    let dataErased = false;
    if (hidden || reason !== null) {
      const known = keys.cached(person);
      const key =
        known === undefined ? await (declared.person === 'actor' ? keys.ensure(person) : keys.find(person)) : known;
      dataErased = key === null;
      if (key) {
        keptAddress = ofAddress === person;
        const plain: SealedData = {
          ...(hidden && { fields: hidden }),
          ...(reason !== null && { reason }),
          ...(keptAddress && { seen: { ip, userAgent } }),
        };
        sealed = box(key, person, dataAad(id, person), plain);
      }
    }

    let sealedMetadata: SealedFields | undefined;
    if (ofAddress !== null && !keptAddress) {
      const known = keys.cached(ofAddress);
      const key = known === undefined ? await keys.ensure(ofAddress) : known;
      keptAddress = key !== null;
      if (key) sealedMetadata = box(key, ofAddress, metadataAad(id, ofAddress), { ip, userAgent });
    }

    const metadata: StoredMetadata = {
      at: clear.at,
      correlationId: clear.correlationId,
      causationId: clear.causationId,
      actor: clear.actor,
      requestId: clear.requestId,
      policyRevision: clear.policyRevision,
      version: declared.version,
      ...(sealedMetadata && { sealed: sealedMetadata }),
    };
    return {
      toAppend: { id, type, data: open, ...(sealed && { sealed }), metadata },
      openedAt: (revision, position) => ({
        type,
        data: dataErased ? blanked(open, declared.personal) : event.data,
        eventId: id,
        stream,
        revision,
        position,
        metadata: {
          ...opened(metadata),
          ip: keptAddress ? ip : null,
          userAgent: keptAddress ? userAgent : null,
          reason: dataErased ? null : reason,
        },
        personal: dataErased && hidden ? 'erased' : 'present',
      }),
    };
  };

  const openWith = (event: StoredEvent, keyOf: (person: string) => PersonKey): Opened => {
    const { sealed, metadata } = event;
    const key = sealed ? keyOf(sealed.person) : null;
    const inside = sealed && key ? (unbox(key, sealed, dataAad(event.id, sealed.person)) as SealedData) : null;
    const actorKey = metadata.sealed ? keyOf(metadata.sealed.person) : null;
    const seen =
      metadata.sealed && actorKey
        ? (unbox(actorKey, metadata.sealed, metadataAad(event.id, metadata.sealed.person)) as SealedMetadata)
        : inside?.seen;

    const declared = catalogue.typeOf(event.type);
    const data = inside?.fields ? { ...event.data, ...inside.fields } : event.data;
    const erased = sealed ? key === null : writtenErased(event, declared);
    return {
      type: event.type,
      data: newest(event, declared, data, erased),
      eventId: event.id,
      stream: event.stream,
      revision: event.revision,
      position: event.position,
      metadata: {
        ...opened(metadata),
        version: declared.version,
        ip: seen?.ip ?? null,
        userAgent: seen?.userAgent ?? null,
        reason: inside?.reason ?? null,
      },
      personal: erased ? 'erased' : 'present',
    };
  };

  /** Upcast. `blank`: with every personal field null. */
  const newest = (event: StoredEvent, declared: AnyEventType, data: Data, blank: boolean): Data => {
    const current = event.metadata.version === declared.version;
    if (!blank || declared.personal.length === 0) {
      return current ? data : catalogue.upcast(event.type, event.metadata.version, data);
    }
    const without = blanked(data, declared.personal);
    if (current) return without;
    return blanked(catalogue.upcast(event.type, event.metadata.version, without), declared.personal);
  };

  const openAll = async (events: readonly StoredEvent[]): Promise<readonly Opened[]> => {
    // Held here for the batch, which may speak of more persons than the cache remembers.
    const held = new Map<string, PersonKey>();
    const missing = new Set<string>();
    const need = (sealed: SealedFields | undefined) => {
      if (!sealed || held.has(sealed.person)) return;
      const key = keys.cached(sealed.person);
      if (key === undefined) missing.add(sealed.person);
      else held.set(sealed.person, key);
    };
    for (const event of events) {
      need(event.sealed);
      need(event.metadata.sealed);
    }
    if (missing.size > 0) {
      await Promise.all([...missing].map(async (person) => held.set(person, await keys.find(person))));
    }
    return events.map((event) => openWith(event, (person) => held.get(person) ?? null));
  };

  return {
    seal: (stream, events, envelope) => Promise.all(events.map((event) => sealOne(stream, event, envelope))),
    open: async (event) => (await openAll([event]))[0]!,
    openAll,
    view: (event) => {
      const declared = catalogue.typeOf(event.type);
      const metadata = {
        ...opened(event.metadata),
        version: declared.version,
        ip: null,
        userAgent: null,
        reason: null,
      };
      return {
        type: event.type,
        data: newest(event, declared, event.data, true),
        eventId: event.id,
        stream: event.stream,
        revision: event.revision,
        position: event.position,
        metadata,
      };
    },
    narrows: (type) => catalogue.typeOf(type).narrows,
  };
};

/** Whose keys an event was sealed under. */
export const sealedUnder = ({ sealed, metadata }: EventToAppend): readonly string[] => {
  const persons: string[] = [];
  if (sealed) persons.push(sealed.person);
  if (metadata.sealed) persons.push(metadata.sealed.person);
  return persons;
};

// The id and the person bind a box to its place; the word keeps an event's two boxes apart.
const dataAad = (eventId: string, person: string): string => `data of event ${eventId} of ${person}`;
const metadataAad = (eventId: string, person: string): string => `metadata of event ${eventId} of ${person}`;

const personOf = (declared: AnyEventType, data: Data, stream: string, envelope: Envelope): string | null => {
  if (declared.person === 'actor') return personOfActor(envelope.actor);
  // `<category>-<user id>`: an id may hold dashes, a category none.
  if (declared.person === 'stream') return stream.slice(stream.indexOf('-') + 1);
  const person = data[declared.person.field];
  if (typeof person !== 'string') throw new Error(`the event names no person in ${declared.person.field}`);
  return person;
};

/** Their key was destroyed before it was written; an older version may have had no personal field yet. */
const writtenErased = (event: StoredEvent, declared: AnyEventType): boolean =>
  declared.personal.length > 0 && event.metadata.version === declared.version;

const divided = (data: Data, personal: readonly string[]): { open: Data; hidden: Data | null } => {
  if (personal.length === 0) return { open: data, hidden: null };
  const open: Record<string, Json | undefined> = {};
  const hidden: Record<string, Json | undefined> = {};
  for (const [field, value] of Object.entries(data)) (personal.includes(field) ? hidden : open)[field] = value;
  return { open, hidden };
};

const blanked = (data: Data, personal: readonly string[]): Data => {
  const blank: Record<string, Json | undefined> = { ...data };
  for (const field of personal) blank[field] = null;
  return blank;
};

const opened = (metadata: StoredMetadata) => ({
  at: metadata.at,
  correlationId: metadata.correlationId,
  causationId: metadata.causationId,
  actor: metadata.actor,
  requestId: metadata.requestId,
  policyRevision: metadata.policyRevision,
  version: metadata.version,
});
