export {
  appendFlushed,
  beside,
  type Contents,
  codeOf,
  explained,
  flushFolder,
  holds,
  ignoring,
  makeFolder,
  removeAbandoned,
  removed,
  removeLeftovers,
  replaceFolder,
  writeAtomically,
  writeFlushed,
} from './atomic.ts';
export { digestIfThere, readIfThere, readTextIfThere } from './read.ts';
