export { digestOf, ENCODED, type Loadable, loadable, loadSession, ON_DISK } from './large.ts';
export { type MachineTraits, machineOf, stepsPerRun } from './machine.ts';
export { saysOutOfMemory } from './out-of-memory.ts';
export type { Feeds, Resident, Runtime, Session, SessionOptions } from './session.ts';
export { copyTensor, type Layout, nextOf, State } from './stateful.ts';
export { runUserModel } from './user-model.ts';
