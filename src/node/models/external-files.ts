import { closeSync, existsSync, fstatSync, lstatSync, openSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { ThawError } from '../../errors.ts';
import type { ByteRange, ReadExternal } from '../../onnx/index.ts';
import { FileRange, type KnownFile, readInto } from './file-range.ts';

/** Tensors to keep on disk: those of at least `tensor` bytes, in files of at least `file` bytes. */
export interface Deferral {
  readonly file: number;
  readonly tensor: number;
}

interface External {
  readonly descriptor: number;
  readonly known: KnownFile;
  /** By offset and length. Tensors with the same place share their bytes. */
  readonly parts: Map<string, Uint8Array | ByteRange>;
  read: number;
}

/** The folder that a link leads to. */
const linkedFolder = (path: string): string | undefined =>
  lstatSync(path).isSymbolicLink() ? dirname(resolve(dirname(path), readlinkSync(path))) : undefined;

/** External data files of a model. Reads only files in the model's own folder, only the needed parts, and each part once. */
export class ExternalFiles {
  private readonly opened = new Map<string, External>();

  private readonly folder: string;
  /** Real folders of its files. In a download cache, the model and its data are links to one folder of contents. */
  private readonly homes: readonly string[];
  /** This folder of contents, whose files can be links to contents that several models share. */
  private readonly contents: string | undefined;

  constructor(
    private readonly model: string,
    private readonly deferral: Deferral,
    /** The location that stands for the model's own file. */
    private readonly own?: string,
  ) {
    this.folder = dirname(model);
    this.homes = [realpathSync(this.folder), dirname(realpathSync(model))];
    this.contents = linkedFolder(model);
  }

  readonly read: ReadExternal = (location, offset, length) => {
    const file = this.opened.get(location) ?? this.open(location);
    const { known, parts } = file;
    const { size } = known.stats;
    const wanted = length ?? size - offset;
    if (wanted < 0 || offset + wanted > size) {
      throw new ThawError(
        'bad-model',
        `a tensor lies at bytes ${offset} to ${offset + Math.max(0, wanted)} of "${known.name}", which has ${size}`,
        'The file is truncated or belongs to another model; download or export both again',
      );
    }
    const place = `${offset} ${wanted}`;
    const bytes = parts.get(place) ?? this.part(file, offset, wanted);
    parts.set(place, bytes);
    return bytes;
  };

  private part(file: External, offset: number, wanted: number): Uint8Array | ByteRange {
    const { known, descriptor } = file;
    const { size } = known.stats;
    file.read += wanted;
    // Thousands of tensors that claim the same small file would fill the memory.
    if (file.read > size)
      throw new ThawError('bad-model', `tensors overlap in "${known.name}"`, 'The model is damaged; export it again');
    if (size >= this.deferral.file && wanted >= this.deferral.tensor) return new FileRange(known, offset, wanted);
    const bytes = new Uint8Array(wanted);
    readInto(descriptor, known.name, bytes, offset);
    return bytes;
  }

  private open(location: string): External {
    const isOwn = location === this.own;
    const path = isOwn ? this.model : this.checked(location);
    const descriptor = openSync(path, 'r');
    const known = { path, name: isOwn ? this.model : location, stats: fstatSync(descriptor) };
    const file = { descriptor, known, parts: new Map(), read: 0 };
    this.opened.set(location, file);
    return file;
  }

  /** The real path of a data file, after checking that the model may read it. */
  private checked(location: string): string {
    const outside = () =>
      new ThawError(
        'bad-model',
        `the model keeps weights in "${location}", outside its own folder`,
        'Move the file next to the model and export again; for safety, Thaw reads no other files',
      );
    if (location === '' || isAbsolute(location) || /^[A-Za-z]:|\\/.test(location)) throw outside();
    if (location.split('/').includes('..')) throw outside();
    const path = join(this.folder, location);
    if (!existsSync(path)) {
      throw new ThawError(
        'bad-model',
        `the model keeps weights in "${location}", which is missing`,
        'Put this file next to the model',
      );
    }
    const real = realpathSync(path);
    const isInside = this.homes.some((home) => real.startsWith(home.endsWith(sep) ? home : home + sep));
    if (!isInside && (this.contents === undefined || linkedFolder(path) !== this.contents)) throw outside();
    // Check before opening: a pipe would block until someone writes to it.
    if (!statSync(real).isFile())
      throw new ThawError('bad-model', `"${location}" with weights of the model is not a file`, 'Export it again');
    return real;
  }

  close(): void {
    for (const { descriptor } of this.opened.values()) closeSync(descriptor);
  }
}
