/** What a disk holds after the power is lost: the contents of files that were flushed, the names in folders that were. */
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
  /** Since it was last flushed. */
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

/** What was not flushed: all of it lost, every change of a folder kept and the files' contents lost, or each by chance. */
export type Luck = 'none' | 'names' | Random;

/** Takes operations one after the other, and tells what would be left of them if the power were lost then. */
export class Journal {
  private readonly root = new Folder();

  /** @param folder in which everything happens; it is there, and flushed */
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
      case 'rename':
      case 'link': {
        const [target, newName] = this.place(operation.to);
        if (target !== within) throw new Error('only within a folder');
        // Of two names of one file, rename leaves both (POSIX).
        if (operation.name === 'link' || target.names.get(newName) === at) within.put(newName, at!);
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
    // Where there is none, nothing is changed but what nobody sees: `rm` of what is not there.
    for (const part of parts.slice(0, -1)) folder = (folder.names.get(part) as Folder | undefined) ?? new Folder();
    return [folder, parts.at(-1)!];
  }

  /** Writes into a new folder what would be left. */
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

/** Of what was written and not flushed a part by chance, which may end anywhere. */
function leftOf({ written, flushed }: File, luck: Luck): Buffer {
  if (luck === 'none' || luck === 'names' || written === flushed) return flushed;
  return written.subarray(0, flushed.length + luck.below(written.length - flushed.length + 1));
}
