/** The page's storage, so that a closed tab loses nothing. */
export interface Shelf {
  get(key: string): Promise<unknown>;
  put(key: string, value: unknown): Promise<void>;
  remove(keys: readonly string[]): Promise<void>;
  clear(): Promise<void>;
}

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const STORE = 'draft';

/** In the browser's database of the origin: it takes blobs, and takes single ones away again. */
export async function browserShelf(name = 'thaw-studio'): Promise<Shelf> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await done(opening);
  const store = (mode: IDBTransactionMode) => database.transaction(STORE, mode).objectStore(STORE);
  return {
    get: (key) => done(store('readonly').get(key)),
    put: async (key, value) => void (await done(store('readwrite').put(value, key))),
    async remove(keys) {
      const target = store('readwrite');
      await Promise.all(keys.map((key) => done(target.delete(key))));
    },
    clear: () => done(store('readwrite').clear()),
  };
}

/** Storage that ends with the page: if the browser has no database, or another tab uses it. */
export function memoryShelf(): Shelf {
  const kept = new Map<string, unknown>();
  return {
    get: async (key) => kept.get(key),
    put: async (key, value) => void kept.set(key, value),
    remove: async (keys) => {
      for (const key of keys) kept.delete(key);
    },
    clear: async () => kept.clear(),
  };
}
