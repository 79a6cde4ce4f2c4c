export {
  appendFlushed,
  type Contents,
  codeOf,
  flushFolder,
  hasContents,
  ignoring,
  linkAtomically,
  makeFolder,
  removeAbandoned,
  removeLeftovers,
  removeQuietly,
  replaceFolder,
  temporaryName,
  writeAtomically,
  writeError,
  writeFlushed,
} from './atomic.ts';
export { digestIfThere, readIfThere, readTextIfThere } from './read.ts';
