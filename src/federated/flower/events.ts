import type { Content } from './records.ts';

/** A message of the app's server. */
export interface AppMessage {
  /** `train`, `evaluate` or what else the app calls it. */
  readonly type: string;
  readonly run: string;
  /** Of strategies: the round. */
  readonly group: string;
  readonly content: Content;
}

/** What a node tells. */
export type NodeEvent =
  | { readonly type: 'joined'; readonly node: string; readonly superlink: string; readonly version: string }
  | { readonly type: 'message'; readonly message: AppMessage }
  /** The answer is there; bytes of all that was sent of it. */
  | { readonly type: 'answered'; readonly message: AppMessage; readonly bytes: number }
  /** The app's server was told what went wrong; the node goes on. */
  | { readonly type: 'failed'; readonly message: AppMessage; readonly error: Error }
  /** Nobody wants the answer any more, or the message went with its run. */
  | { readonly type: 'dropped'; readonly reason: string }
  | { readonly type: 'lost'; readonly reason: string }
  | { readonly type: 'back' }
  | { readonly type: 'left' };
