/** One fine-tuning, from a model and its data to a finished model, on any platform. */
export {
  type DatasetReading,
  describeData,
  keptReading,
  knownLabels,
  onClasses,
  openDataset,
  type ReadDataset,
  taskOf,
} from './dataset.ts';
export type { SessionEvent, SessionHooks } from './events.ts';
export { type InputFormat, inputFormatOf, type ModelFiles, noticeQuantized, nounOf } from './input-format.ts';
export {
  type OpenedSession,
  openSession,
  type ReopenRequest,
  reopenSession,
  type SessionPlatform,
  type SessionRequest,
  sizesOf,
} from './open.ts';
export { type BestStore, inMemory, Session, type SessionParts, type SessionResult } from './session.ts';
export { openSources, plainSource, type SourcePlatform, type Sources } from './sources.ts';
