import type { Document } from '../../commands/ports/lists.ts';
import type { Recorded } from '../../domain/event.ts';
import type { UserId } from '../../domain/ids.ts';
import type { Json } from '../../domain/json.ts';
import { displayName, emptyProfile, type Profile } from '../../domain/profile.ts';
import type { UserEvent } from '../../domain/user.ts';
import { accepts, profileIn, reactivated } from './users.ts';

/**
 * What the list of all keys knows of a key's owner: one document per owner, in the same build as the keys, that a new
 * key copies from. Every later change goes to that document and to all keys of the owner alike, so at any time, and
 * whatever stream is parked, each key says of its owner what this document says.
 */
export const ownerDocumentId = (ownerId: UserId) => `owner:${ownerId}`;

/** The part that keys copy, under the names it has in both. */
export type OwnerFacts = { readonly [field: string]: Json };

const copied = [
  'ownerStatus',
  'ownerEmail',
  'ownerDisplayName',
  'ownerRoles',
  'ownerAdministrator',
  'ownerGroups',
  'ownerOrganizations',
] as const;

/** The owner's document holds these for itself; they are no columns and found nowhere. */
const stored = (field: string) => `own${field.slice('owner'.length)}`;

export const ownerFactsFor = (owner: Document | null): OwnerFacts =>
  Object.fromEntries(copied.map((field) => [field, owner?.[stored(field)] ?? null]));

/** When and why an epoch of an owner ended; null while it has not. One field per epoch, so that none is ever rewritten. */
export const endOfEpoch = (owner: Document | null, epoch: number): { at: string; reason: string } | null =>
  (owner?.[endField(epoch)] ?? null) as { at: string; reason: string } | null;

export const endField = (epoch: number) => `end${epoch}`;

/** The same facts in the owner's document. */
export const asStored = (facts: OwnerFacts): OwnerFacts =>
  Object.fromEntries(Object.entries(facts).map(([field, value]) => [stored(field), value]));

/**
 * What an event of a user says of them as an owner. `facts` go to the owner's document and to their keys; `hidden` only
 * to the document: the fields that display name and status follow from. `read`: the owner's document.
 */
export const ownerChange = (
  event: Recorded<UserEvent>,
  userId: UserId,
  read: () => Document | null,
): { readonly facts: OwnerFacts; readonly hidden: OwnerFacts } | null => {
  const facts = (given: OwnerFacts) => ({ facts: given, hidden: {} });
  switch (event.type) {
    case 'UserRegistered':
    case 'UserInvited': {
      const { profile, email, roles, groups, organizations } = event.data;
      return {
        facts: {
          ownerStatus: event.type === 'UserInvited' ? 'invited' : 'active',
          ownerEmail: email,
          ownerDisplayName: displayName(profile ?? emptyProfile, email, userId),
          ownerRoles: roles,
          ownerGroups: groups,
          ownerOrganizations: organizations,
        },
        hidden: { ...namesIn(profile ?? emptyProfile), accepted: event.type === 'UserRegistered' },
      };
    }
    case 'ProfileChanged': {
      const changes = Object.entries(event.data.changes ?? {}).filter(([field]) => isName(field)) as [string, Json][];
      if (changes.length === 0) return null;
      const hidden = Object.fromEntries(changes);
      const owner = read();
      const email = (owner?.[stored('ownerEmail')] ?? null) as string | null;
      return { facts: { ownerDisplayName: displayName(profileIn({ ...owner, ...hidden }), email, userId) }, hidden };
    }
    case 'EmailChanged': {
      const { email } = event.data;
      return facts({ ownerEmail: email, ownerDisplayName: displayName(profileIn(read() ?? {}), email, userId) });
    }
    case 'PasswordReset':
      return {
        facts: accepts(read()?.[stored('ownerStatus')]) ? { ownerStatus: 'active' } : {},
        hidden: { accepted: true },
      };
    case 'RolesAssigned':
      return facts({ ownerRoles: event.data.roles });
    case 'GroupsAssigned':
      return facts({ ownerGroups: event.data.groups });
    case 'OrganizationsAssigned':
      return facts({ ownerOrganizations: event.data.organizations });
    case 'UserDeactivated':
      return facts({ ownerStatus: 'deactivated' });
    case 'UserReactivated':
      return facts({ ownerStatus: reactivated(read()?.accepted) });
    case 'UserDeleted':
      return facts({ ownerStatus: 'deleted' });
    case 'UserErased':
      return {
        facts: { ownerStatus: 'erased', ownerEmail: null, ownerDisplayName: userId },
        hidden: namesIn(emptyProfile),
      };
    default:
      return null;
  }
};

const names = ['fullName', 'firstName', 'lastName'] as const satisfies readonly (keyof Profile)[];
const isName = (field: string) => (names as readonly string[]).includes(field);
const namesIn = (profile: Profile): OwnerFacts => Object.fromEntries(names.map((name) => [name, profile[name]]));
