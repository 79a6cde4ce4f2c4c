import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FeatureStore } from '../../training/index.ts';

interface Entry {
  readonly file: string;
  readonly bytes: number;
}

/** Of SHA-256. */
const DIGEST_BYTES = 32;

const digestOf = (key: string, bytes: Uint8Array): Buffer =>
  createHash('sha256').update(key).update('\0').update(bytes).digest();

/**
 * Features in a folder, one file each: the SHA-256 of key and bytes, then the bytes. What does not agree with it (cut off, another
 * key's, written by something else) is removed and never given out. Above its limit the folder loses what was not used for longest;
 * what this process used stays, and where that alone fills it, nothing more is written.
 */
export class FeatureFolder implements FeatureStore {
  private readonly used = new Set<string>();
  /** Those that this process has not used, oldest first. */
  private idle: Promise<Entry[]> | undefined;
  private bytes = 0;
  private failed = false;

  /** @param onProblem told once if the folder cannot be written; features are then computed again another time */
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
    // It may just have been removed by another process, or the folder be read-only: the bytes are good all the same.
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
        `features are not kept in ${this.folder}: ${code === 'ENOSPC' ? 'the disk is full' : (code ?? message)}`,
      );
    }
  }

  private fileOf(key: string): string {
    const name = createHash('sha256').update(key).digest('hex');
    return join(this.folder, name.slice(0, 2), name.slice(2));
  }

  /** Counts `size` more bytes; false where there is no room for them. */
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

  /** All files, oldest first; counts them, and removes what interrupted writing left. */
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

/** Milliseconds after which a file that is still being written is nobody's. */
const STALE = 60 * 60_000;
