export {
  appendFlushed,
  beside,
  codeOf,
  explained,
  flushFolder,
  ignoring,
  makeFolder,
  removed,
  removeLeftovers,
  replaceFolder,
  writeAtomically,
  writeFlushed,
} from './atomic.ts';
