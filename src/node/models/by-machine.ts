import { join } from 'node:path';
import * as z from 'zod';
import { parseJson } from '../../json.ts';
import { readTextIfThere } from '../disk/index.ts';
import { cacheFolder, writeJson } from './cache.ts';

/** Measurements of models in a file of the cache, by machine and model. A machine's name is everything that changes them. */
export class MeasuredByMachine<T> {
  private readonly schema: z.ZodType<Record<string, Record<string, T>>>;

  constructor(
    private readonly name: string,
    schema: z.ZodType<T>,
  ) {
    this.schema = z.record(z.string(), z.record(z.string(), schema));
  }

  /** By model. */
  async of(machine: string): Promise<Readonly<Record<string, T>>> {
    return (await this.readAll())[machine] ?? {};
  }

  async keep(machine: string, model: string, measured: T): Promise<void> {
    const all = await this.readAll();
    await writeJson(this.file, { ...all, [machine]: { ...all[machine], [model]: measured } });
  }

  private get file(): string {
    return join(cacheFolder(), this.name);
  }

  /** A damaged file counts as none, because everything in it can be measured again. */
  private async readAll(): Promise<Record<string, Record<string, T>>> {
    const text = await readTextIfThere(this.file);
    if (text === undefined) return {};
    try {
      return parseJson(text, this.schema, { what: this.file, hint: 'Remove it' });
    } catch {
      return {};
    }
  }
}
