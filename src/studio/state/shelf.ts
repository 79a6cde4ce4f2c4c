/** The page's storage, so that a closed tab loses nothing. */
export interface Shelf {
  /** Values in the order of the keys; undefined for a missing one. */
  get(keys: readonly string[]): Promise<readonly unknown[]>;
  put(entries: readonly (readonly [key: string, value: unknown])[]): Promise<void>;
  remove(keys: readonly string[]): Promise<void>;
  /** @param prefix of the keys; all unless given */
  clear(prefix?: string): Promise<void>;
}

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const STORE = 'studio';

/** In the browser's database of the origin: it takes blobs, and takes single ones away again. */
export async function browserShelf(name = 'thaw-studio'): Promise<Shelf> {
  const opening = indexedDB.open(name, 2);
  opening.onupgradeneeded = () => {
    const { result } = opening;
    for (const old of result.objectStoreNames) result.deleteObjectStore(old);
    result.createObjectStore(STORE);
  };
  const database = await done(opening);
  const store = (mode: IDBTransactionMode) => database.transaction(STORE, mode).objectStore(STORE);
  return {
    get(keys) {
      const source = store('readonly');
      return Promise.all(keys.map((key) => done(source.get(key))));
    },
    async put(entries) {
      const target = store('readwrite');
      await Promise.all(entries.map(([key, value]) => done(target.put(value, key))));
    },
    async remove(keys) {
      const target = store('readwrite');
      await Promise.all(keys.map((key) => done(target.delete(key))));
    },
    clear: (prefix = '') => done(store('readwrite').delete(IDBKeyRange.bound(prefix, `${prefix}\uffff`))),
  };
}

/** Storage that ends with the page: if the browser has no database, or another tab uses it. */
export function memoryShelf(): Shelf {
  const kept = new Map<string, unknown>();
  return {
    get: async (keys) => keys.map((key) => kept.get(key)),
    put: async (entries) => {
      for (const [key, value] of entries) kept.set(key, value);
    },
    remove: async (keys) => {
      for (const key of keys) kept.delete(key);
    },
    clear: async (prefix = '') => {
      for (const key of [...kept.keys()]) if (key.startsWith(prefix)) kept.delete(key);
    },
  };
}

/** The part of a shelf whose keys begin with a prefix. */
export function partOf(shelf: Shelf, prefix: string): Shelf {
  return {
    get: (keys) => shelf.get(keys.map((key) => prefix + key)),
    put: (entries) => shelf.put(entries.map(([key, value]) => [prefix + key, value])),
    remove: (keys) => shelf.remove(keys.map((key) => prefix + key)),
    clear: (rest = '') => shelf.clear(prefix + rest),
  };
}
