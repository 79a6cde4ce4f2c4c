/** What ONNX Runtime, C++, V8 and the system say where they get no memory. */
const WORDS = /bad_alloc|out of memory|failed to allocate|cannot allocate|allocation failed|\bOOM\b/i;

/** Whether an error's message, or a crash's last words, say that memory ran out. */
export const saysOutOfMemory = (words: string): boolean => WORDS.test(words);
