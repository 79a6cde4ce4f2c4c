import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FeatureStore } from '../../training/index.ts';

interface Entry {
  readonly file: string;
  readonly bytes: number;
}

/** Length of a SHA-256. */
const DIGEST_BYTES = 32;

const digestOf = (key: string, bytes: Uint8Array): Buffer =>
  createHash('sha256').update(key).update('\0').update(bytes).digest();

/**
 * A folder with one file per feature: the SHA-256 of key and bytes, then the bytes. Files that do not match (truncated, of another key,
 * foreign) are removed and never returned. Above its size limit, the folder loses the least recently used files. Files that this process
 * uses stay; if they alone fill the folder, it accepts no more.
 */
export class FeatureFolder implements FeatureStore {
  private readonly used = new Set<string>();
  /** Files that this process has not used, oldest first. */
  private idle: Promise<Entry[]> | undefined;
  private bytes = 0;
  private failed = false;

  /** @param onProblem called once if the folder is not writable; features are then computed again in the next run */
  constructor(
    readonly folder: string,
    private readonly maximumBytes: number,
    private readonly onProblem: (message: string) => void = () => undefined,
  ) {}

  async get(key: string): Promise<Uint8Array | undefined> {
    const file = this.fileOf(key);
    const contents = await readFile(file).catch(() => undefined);
    if (!contents) return undefined;
    const bytes = contents.subarray(DIGEST_BYTES);
    if (!digestOf(key, bytes).equals(contents.subarray(0, DIGEST_BYTES))) {
      await rm(file, { force: true });
      return undefined;
    }
    this.used.add(file);
    const now = new Date();
    // Another process may have removed the file, or the folder is read-only. The bytes are still valid.
    await utimes(file, now, now).catch(() => undefined);
    return bytes;
  }

  async set(key: string, bytes: Uint8Array): Promise<void> {
    const file = this.fileOf(key);
    const size = DIGEST_BYTES + bytes.byteLength;
    if (this.failed || this.used.has(file)) return;
    this.used.add(file);
    try {
      if (!(await this.makeRoom(size))) return;
      await mkdir(dirname(file), { recursive: true });
      const part = `${file}.${randomUUID()}.part`;
      try {
        await writeFile(part, [digestOf(key, bytes), bytes]);
        await rename(part, file);
      } catch (error) {
        await rm(part, { force: true }).catch(() => undefined);
        throw error;
      }
    } catch (error) {
      this.failed = true;
      const { code, message } = error as NodeJS.ErrnoException;
      this.onProblem(
        `cannot write features to ${this.folder}: ${code === 'ENOSPC' ? 'the disk is full' : (code ?? message)}`,
      );
    }
  }

  private fileOf(key: string): string {
    const name = createHash('sha256').update(key).digest('hex');
    return join(this.folder, name.slice(0, 2), name.slice(2));
  }

  /** Reserves `size` bytes. Returns false if there is no space. */
  private async makeRoom(size: number): Promise<boolean> {
    this.idle ??= this.list();
    const idle = await this.idle;
    while (this.bytes + size > this.maximumBytes) {
      const oldest = idle.shift();
      if (!oldest) return false;
      if (this.used.has(oldest.file)) continue;
      await rm(oldest.file, { force: true });
      this.bytes -= oldest.bytes;
    }
    this.bytes += size;
    return true;
  }

  /** Lists all files, oldest first, updates the size, and removes leftovers of interrupted writes. */
  private async list(): Promise<Entry[]> {
    const found: (Entry & { readonly time: number })[] = [];
    for (const folder of await readdir(this.folder).catch(() => [])) {
      for (const name of await readdir(join(this.folder, folder)).catch(() => [])) {
        const file = join(this.folder, folder, name);
        const info = await stat(file).catch(() => undefined);
        if (!info) continue;
        if (name.endsWith('.part') && Date.now() - info.mtimeMs > STALE) await rm(file, { force: true });
        else found.push({ file, bytes: info.size, time: info.mtimeMs });
      }
    }
    this.bytes += found.reduce((all, { bytes }) => all + bytes, 0);
    return found.sort((a, b) => a.time - b.time);
  }
}

/** Milliseconds after which an unfinished file counts as abandoned. */
const STALE = 60 * 60_000;
