import { compare, hash } from 'bcryptjs';
import { standBack } from './standBack.ts';

standBack();

/** Runs in a worker thread. `text` is the keyed hash of a password, never the password. */
export type PasswordTask =
  | { readonly do: 'hash'; readonly text: string; readonly cost: number }
  | { readonly do: 'compare'; readonly text: string; readonly hash: string };

export const runPasswordTask = (task: PasswordTask): Promise<string | boolean> =>
  task.do === 'hash' ? hash(task.text, task.cost) : compare(task.text, task.hash);
