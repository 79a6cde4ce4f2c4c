/** Whether and where this visit can keep things. */
import { inElectron } from '../electron/client.ts';
import { browserShelf, memoryShelf, type Shelf } from './state/shelf.ts';

export interface Keeping {
  readonly shelf: Shelf;
  /** See `StudioHost`. */
  readonly keeps: boolean;
  /** Why nothing is kept, if so. */
  readonly notice: string | undefined;
}

/** One tab at a time: two would overwrite each other's. */
export async function openKeeping(): Promise<Keeping> {
  if (!isSecureContext) {
    const notice = 'The browser trusts this address with little: open the page over https, or on this machine.';
    return { shelf: memoryShelf(), keeps: false, notice };
  }
  if (!(await isOnlyTab())) {
    const notice = 'The studio is open in another tab already; this one keeps nothing when it is closed.';
    return { shelf: memoryShelf(), keeps: false, notice };
  }
  try {
    const shelf = await browserShelf();
    // In Electron the process keeps projects, in a folder.
    return { shelf, keeps: inElectron() || (await hasPrivateFiles()), notice: undefined };
  } catch {
    const notice = 'The browser keeps nothing of this page: download the model before you close it.';
    return { shelf: memoryShelf(), keeps: false, notice };
  }
}

/** Holds a lock for as long as the page is there. */
const isOnlyTab = (): Promise<boolean> =>
  new Promise((resolve) => {
    if (!navigator.locks) return resolve(true);
    void navigator.locks.request('thaw-studio', { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock ? new Promise(() => {}) : undefined;
    });
  });

async function hasPrivateFiles(): Promise<boolean> {
  try {
    await navigator.storage.getDirectory();
    return 'createWritable' in FileSystemFileHandle.prototype;
  } catch {
    return false;
  }
}

/** Deletes the copy of the page for visits without a network. The next visit makes it again. */
export async function clearPage(): Promise<void> {
  const registrations = (await navigator.serviceWorker?.getRegistrations()) ?? [];
  await Promise.all(registrations.map((registration) => registration.unregister()));
  if (!('caches' in globalThis)) return;
  const names = (await caches.keys()).filter((name) => name.startsWith('thaw-studio-'));
  await Promise.all(names.map((name) => caches.delete(name)));
}
