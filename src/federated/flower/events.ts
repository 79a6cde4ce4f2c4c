import type { Content } from './records.ts';

/** A message of the app's server. */
export interface AppMessage {
  /** `train`, `evaluate` or another type of the app. */
  readonly type: string;
  readonly run: string;
  /** For strategies: the round. */
  readonly group: string;
  readonly content: Content;
}

/** Events of a node. */
export type NodeEvent =
  | { readonly type: 'joined'; readonly node: string; readonly superlink: string; readonly version: string }
  | { readonly type: 'message'; readonly message: AppMessage }
  /** The answer has arrived; bytes sent for it. */
  | { readonly type: 'answered'; readonly message: AppMessage; readonly bytes: number }
  /** The app's server got an error as the answer; the node continues. */
  | { readonly type: 'failed'; readonly message: AppMessage; readonly error: Error }
  /** The answer is no longer needed, or the message disappeared with its run. */
  | { readonly type: 'dropped'; readonly reason: string }
  | { readonly type: 'lost'; readonly reason: string }
  | { readonly type: 'back' }
  | { readonly type: 'left' };
