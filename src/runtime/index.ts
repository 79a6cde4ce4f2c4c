export { blockOf } from './blocks.ts';
export type { Feeds, Runtime, Session, SessionOptions } from './session.ts';
export { copyTensor, StatefulSession } from './stateful.ts';
