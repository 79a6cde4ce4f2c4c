/** Watches folders for new images. */
import { on, once } from 'node:events';
import { stat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { isHidden, walkFiles } from './listing.ts';

/** Milliseconds without a change after which a file counts as complete. */
const STABLE = 1000;
const POLL = 100;

/**
 * The files in folders, and then each file that is added or changed, once it is complete. Ends by `signal` only.
 *
 * @param folders absolute
 * @throws the reason of `signal`
 */
export async function* watchFiles(folders: readonly string[], signal?: AbortSignal): AsyncGenerator<string> {
  const { watch } = await import('chokidar');
  const isIgnored = (path: string) =>
    folders.some((folder) => path.startsWith(folder) && relative(folder, path).split(sep).some(isHidden));
  const watcher = watch([...folders], {
    ignored: isIgnored,
    ignoreInitial: true,
    awaitWriteFinish: { stabilityThreshold: STABLE, pollInterval: POLL },
  });
  try {
    // Keeps the events from now on.
    const events = on(watcher, 'all', { signal });
    await once(watcher, 'ready', { signal });
    // A file that arrives now may be listed and reported. Its state tells whether it is the same.
    const listed = new Map<string, string>();
    for (const folder of folders)
      for await (const file of walkFiles(folder)) {
        listed.set(file, await stateOf(file));
        yield file;
      }
    for await (const [event, file] of events as AsyncIterable<[event: string, file: string]>) {
      if (event !== 'add' && event !== 'change') continue;
      const before = listed.get(file);
      listed.delete(file);
      if (before !== (await stateOf(file))) yield file;
    }
  } finally {
    await watcher.close();
  }
}

const stateOf = (file: string): Promise<string> =>
  stat(file).then(
    ({ mtimeMs, size }) => `${mtimeMs} ${size}`,
    () => 'gone',
  );
