import { eventTypeOf, eventTypes } from '../../domain/events.ts';
import { UnreadableEvent, upcast } from '../../domain/upcast.ts';
import type { Catalogue } from './eventCodec.ts';

/** Every event that the domain declares. */
export const domainCatalogue: Catalogue = {
  typeOf: (type) => {
    const declared = eventTypeOf(type);
    if (!declared) throw new UnreadableEvent(type, 0, 'an unknown type');
    return declared;
  },
  upcast: (type, version, data) => upcast(eventTypes, type, version, data),
};
