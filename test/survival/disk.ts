/**
 * A layer between Thaw and Node's file system. It records the operations in a folder, and fails on request:
 * `vi.mock('node:fs/promises', async (original) => disk.over(await original()))`.
 */
import type * as promises from 'node:fs/promises';
import { resolve, sep } from 'node:path';

/** The operations that change a folder or flush a change. Paths are absolute. */
export type Operation =
  | { readonly name: 'create' | 'open' | 'mkdir' | 'remove' | 'sync'; readonly path: string }
  | { readonly name: 'write'; readonly path: string; readonly data: Buffer }
  | { readonly name: 'rename' | 'link'; readonly path: string; readonly to: string };

type FileSystem = typeof promises;
type Handle = promises.FileHandle;

export class Disk {
  /** Only operations below this folder are recorded and can fail. */
  folder = '';
  readonly done: Operation[] = [];
  /** Throws if an operation should fail. The operation then has no effect. */
  refuse: (operation: Operation) => void = () => undefined;

  /** Clears the record, and stops failing. @param folder the folder to watch from now on */
  watch(folder: string): void {
    this.folder = resolve(folder);
    this.done.length = 0;
    this.refuse = () => undefined;
  }

  private async act<T>(operation: Operation, act: () => Promise<T>): Promise<T> {
    const watched = `${operation.path}${sep}`.startsWith(this.folder + sep);
    if (watched) this.refuse(operation);
    const result = await act();
    if (watched) this.done.push(operation);
    return result;
  }

  over(fs: FileSystem): FileSystem {
    const text = (path: unknown) => resolve(String(path));
    const over = {
      ...fs,
      open: async (given: unknown, flags = 'r', mode?: number) => {
        const path = text(given);
        const open = () => fs.open(path, flags, mode);
        const name = flags === 'wx' || flags === 'w' ? 'create' : 'open';
        return this.handle(await (flags === 'r' ? open() : this.act({ name, path }, open)), path);
      },
      // One by one, because a power loss can remove each of them separately.
      mkdir: async (given: unknown, options?: { recursive?: boolean }) => {
        const make = (path: string) => this.act({ name: 'mkdir', path }, () => fs.mkdir(path));
        if (!options?.recursive) return make(text(given));
        const missing: string[] = [];
        for (let at = text(given); !(await fs.stat(at).catch(() => undefined)); at = resolve(at, '..'))
          missing.unshift(at);
        for (const path of missing) await make(path);
        return missing[0];
      },
      rename: (from: unknown, to: unknown) =>
        this.act({ name: 'rename', path: text(from), to: text(to) }, () => fs.rename(text(from), text(to))),
      link: (from: unknown, to: unknown) =>
        this.act({ name: 'link', path: text(from), to: text(to) }, () => fs.link(text(from), text(to))),
      rm: (path: unknown, options?: object) =>
        this.act({ name: 'remove', path: text(path) }, () => fs.rm(text(path), options)),
      rmdir: (path: unknown) => this.act({ name: 'remove', path: text(path) }, () => fs.rmdir(text(path))),
    };
    return { ...over, default: over } as unknown as FileSystem;
  }

  private handle(file: Handle, path: string): Handle {
    const write = (data: Uint8Array | string) =>
      this.act({ name: 'write', path, data: Buffer.from(data as string) }, () => file.appendFile(data));
    const sync = () => this.act({ name: 'sync', path }, () => file.sync());
    return new Proxy(file, {
      get(target, key) {
        if (key === 'appendFile' || key === 'writeFile') return write;
        if (key === 'sync') return sync;
        const value = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}
