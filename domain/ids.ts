/** Ids are opaque to callers; ours are UUIDs of version 7, lower case. */
export type UserId = string;
export type KeyId = string;
export type ServiceTokenId = string;
export type IncidentId = string;
/** Lower-case hex of a SHA-256. */
export type Sha256Hex = string;
