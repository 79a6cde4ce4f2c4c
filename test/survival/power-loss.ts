/** The contents of a disk after a power loss: flushed files, and flushed folder entries. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Random } from '../../src/random.ts';
import type { Operation } from './disk.ts';

class File {
  written: Buffer = Buffer.alloc(0);
  flushed: Buffer = Buffer.alloc(0);

  flush(): void {
    this.flushed = this.written;
  }
}

type Change = (names: Map<string, Entry>) => void;

class Folder {
  readonly names = new Map<string, Entry>();
  readonly flushed = new Map<string, Entry>();
  /** Changes since the last flush. */
  changes: Change[] = [];

  change(change: Change): void {
    change(this.names);
    this.changes.push(change);
  }

  put(name: string, entry: Entry): void {
    this.change((names) => names.set(name, entry));
  }

  flush(): void {
    for (const change of this.changes) change(this.flushed);
    this.changes = [];
  }
}

type Entry = File | Folder;

/** The fate of unflushed changes: all lost; folder changes kept but file contents lost; or each at random. */
export type Luck = 'none' | 'names' | Random;

/** Takes operations one after the other, and computes the files that a power loss would leave at that instant. */
export class Journal {
  private readonly root = new Folder();

  /** @param folder the folder of all operations; it exists, and is flushed */
  constructor(private readonly folder: string) {}

  take(operation: Operation): void {
    const [within, name] = this.place(operation.path);
    const at = within.names.get(name);
    switch (operation.name) {
      case 'mkdir':
        within.put(name, new Folder());
        break;
      case 'create':
        within.put(name, new File());
        break;
      case 'write':
        (at as File).written = Buffer.concat([(at as File).written, operation.data]);
        break;
      case 'sync':
        (operation.path === this.folder ? this.root : at)?.flush();
        break;
      case 'remove':
        within.change((names) => names.delete(name));
        break;
      case 'link': {
        const [target, newName] = this.place(operation.to);
        target.put(newName, at!);
        break;
      }
      case 'rename': {
        const [target, newName] = this.place(operation.to);
        if (target !== within) throw new Error('only within a folder');
        // If two names refer to the same file, rename keeps both (POSIX).
        if (target.names.get(newName) === at) within.put(newName, at!);
        else
          within.change((names) => {
            names.delete(name);
            names.set(newName, at!);
          });
      }
    }
  }

  private place(path: string): [within: Folder, name: string] {
    const parts = relative(this.folder, path).split(sep);
    let folder = this.root;
    // If a folder is missing (`rm` of a missing file), the change goes to a temporary folder that nobody reads.
    for (const part of parts.slice(0, -1)) folder = (folder.names.get(part) as Folder | undefined) ?? new Folder();
    return [folder, parts.at(-1)!];
  }

  /** Writes the remaining files into a new folder. */
  lose(path: string, luck: Luck): void {
    lay(this.root, path, luck);
  }
}

function lay(folder: Folder, path: string, luck: Luck): void {
  mkdirSync(path, { recursive: true });
  const names = new Map(folder.flushed);
  const kept = folder.changes.filter(() => luck === 'names' || (luck !== 'none' && luck.uniform() < 0.5));
  for (const change of kept) change(names);
  for (const [name, entry] of names) {
    if (entry instanceof Folder) lay(entry, join(path, name), luck);
    else writeFileSync(join(path, name), leftOf(entry, luck));
  }
}

/** A random part of the unflushed bytes, which may end anywhere. */
function leftOf({ written, flushed }: File, luck: Luck): Buffer {
  if (luck === 'none' || luck === 'names' || written === flushed) return flushed;
  return written.subarray(0, flushed.length + luck.below(written.length - flushed.length + 1));
}
