import { type Profile, profileFields } from '../domain/profile.ts';

type Body = { readonly [field in keyof Profile]?: Profile[field] | undefined };

/** The profile's fields that a body gives: absent ones are left out, which leaves them unchanged. */
export const changesOf = (body: Body): Partial<Profile> =>
  Object.fromEntries(profileFields.filter((field) => body[field] !== undefined).map((field) => [field, body[field]]));
