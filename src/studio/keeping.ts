/** Whether and where this visit can keep things. */
import { inElectron } from '../electron/client.ts';
import { isOnlyTab } from './only-tab.ts';
import { browserShelf, memoryShelf, type Shelf } from './state/shelf.ts';

export interface Keeping {
  readonly shelf: Shelf;
  /** See `StudioHost`. */
  readonly keeps: boolean;
  /** Why nothing is kept, if so. */
  readonly notice: string | undefined;
}

/** What browsers do not give a page over http, unless it is served by its own machine. */
const OVER_HTTP =
  'Over http, the browser gives this page no live camera and one thread to train on, and does not keep what was learned. Download the model before you close the page.';

export async function openKeeping(): Promise<Keeping> {
  if (!(await isOnlyTab())) {
    const notice = 'The studio is open in another tab already; this one keeps nothing when it is closed.';
    return { shelf: memoryShelf(), keeps: false, notice };
  }
  try {
    const shelf = await browserShelf();
    // In Electron the process keeps projects, in a folder.
    const keeps = inElectron() || (await hasPrivateFiles());
    return { shelf, keeps, notice: isSecureContext ? undefined : OVER_HTTP };
  } catch {
    const notice = 'The browser keeps nothing of this page: download the model before you close it.';
    return { shelf: memoryShelf(), keeps: false, notice };
  }
}

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
