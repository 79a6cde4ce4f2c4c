/** Out-of-memory messages of ONNX Runtime, C++, V8 and the system. */
const WORDS = /bad_alloc|out of memory|failed to allocate|cannot allocate|allocation failed|\bOOM\b/i;

/** Whether an error message, or the last output of a crash, reports that memory ran out. */
export const saysOutOfMemory = (words: string): boolean => WORDS.test(words);
