/**
 * A project as one zip: `project.json`, the images in a folder for each class, as `thaw train` reads them, and the model if it is the user's
 * own.
 */
import { unzipSync, Zip, ZipPassThrough } from 'fflate';
import { z } from 'zod';
import { ThawError } from '../../errors.ts';
import { fileNameOf } from '../../file-names.ts';
import { MOST_EPOCHS } from '../state/settings.ts';
import type { ProjectContents, Studio } from '../state/studio.ts';

/** Bytes of a JSON file in a project. */
const LARGEST_JSON = 50e6;
/** Bytes that a file may unpack to: somebody may have compressed it again, which makes images hardly smaller. */
const unpacked = (size: number): number => 4 * size + 50e6;

const FORMAT = 'thaw studio project';
const MODEL = 'model/model.onnx';

const name = z.string().max(200);

const settings = z.object({
  epochs: z.number().int().min(1).max(MOST_EPOCHS),
  variation: z.enum(['none', 'gentle', 'photos', 'strong']),
  preset: z.enum(['gradual', 'head-only', 'full']),
  device: z.enum(['auto', 'cpu', 'webgpu']),
});

const projectFile = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  name,
  kind: z.enum(['photos', 'drawings', 'own']).optional(),
  settings: settings.partial(),
  classes: z.array(z.object({ name, images: z.array(z.string()) })),
  model: z
    .object({
      name,
      source: z.string().optional(),
      preprocessorConfig: z.unknown().optional(),
      config: z.unknown().optional(),
    })
    .optional(),
});
type ProjectFile = z.infer<typeof projectFile>;

/** Bytes of a project's file: it is read as a whole. */
const LARGEST = 2e9;

/** Everything of the current project but its training. @throws ThawError `bad-data` if it is too large */
export async function writeProject(studio: Studio): Promise<Blob> {
  const blobs = studio.collection.classes.value.flatMap(({ images }) => images.map(({ blob }) => blob));
  const bytes = blobs.reduce((sum, { size }) => sum + size, studio.setup.own.value?.model.size ?? 0);
  if (bytes > LARGEST) {
    const size = `the project has ${(bytes / 1e9).toFixed(1)} GB, but a file holds 2 GB`;
    throw new ThawError('bad-data', size, 'Make projects of fewer images');
  }
  const files = new ZipWriter();
  const taken = new Set<string>();
  const classes: ProjectFile['classes'] = [];
  for (const [i, entry] of studio.collection.classes.value.entries()) {
    const folder = folderOf(entry.name.trim(), i, taken);
    const images: string[] = [];
    for (const { id, blob } of entry.images) {
      const path = `images/${folder}/${id}.${ENDS[blob.type] ?? 'img'}`;
      await files.add(path, blob);
      images.push(path);
    }
    classes.push({ name: entry.name, images });
  }
  const own = studio.setup.own.value;
  if (own) await files.add(MODEL, own.model);
  const contents: ProjectFile = {
    format: FORMAT,
    version: 1,
    name: studio.projects.current.value.name,
    kind: studio.setup.chosen.value,
    settings: studio.setup.changes.value,
    classes,
    model: own && { ...own, model: undefined },
  } as ProjectFile;
  await files.add('project.json', new Blob([JSON.stringify(contents)]));
  return files.end();
}

const ENDS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/bmp': 'bmp',
  'image/avif': 'avif',
};

/** A folder's name that every system takes, and no other class has. */
function folderOf(name: string, index: number, taken: Set<string>): string {
  const wanted = fileNameOf(name) || 'class';
  // Some systems take letters of either case for the same.
  const folder = taken.has(wanted.toLowerCase()) ? `${wanted} ${index + 1}` : wanted;
  taken.add(folder.toLowerCase());
  return folder;
}

/** A project from a file. Its images were not looked at yet. */
export interface ReadProject extends Omit<ProjectContents, 'classes'> {
  readonly classes: readonly { readonly name: string; readonly files: readonly File[] }[];
}

/** @throws ThawError `bad-data` if it is not a project */
export async function readProject(file: Blob): Promise<ReadProject> {
  const files = await unzipped(file);
  const json = files.get('project.json');
  if (!json || json.size > LARGEST_JSON) throw notProject('it has no project.json');
  const parsed = projectFile.safeParse(
    await json
      .text()
      .then(JSON.parse)
      .catch(() => undefined),
  );
  if (!parsed.success) throw notProject('its project.json is damaged, or of a newer version');
  const { name, kind, settings, classes, model } = parsed.data;
  const onnx = files.get(MODEL);
  if (model && !onnx) throw notProject(`it has no ${MODEL}`);
  return {
    ...{ name, kind, settings },
    classes: classes.map(({ name, images }) => ({
      name,
      files: images.map((path) => {
        const image = files.get(path);
        if (!image) throw notProject(`it has no ${path}`);
        const end = path.slice(path.lastIndexOf('.') + 1);
        const type = Object.keys(ENDS).find((one) => ENDS[one] === end);
        return new File([image], path, { type });
      }),
    })),
    own: model && { ...model, model: onnx! },
  };
}

const notProject = (why: string, cause?: unknown) =>
  new ThawError('bad-data', `this file is not a project: ${why}`, 'Choose a file that the studio has saved', { cause });

/** Bytes that are in the memory before they become a blob. */
const AT_ONCE = 32e6;

/** Writes a zip without compression, a file at a time: images and weights do not get smaller. */
class ZipWriter {
  private readonly blobs: Blob[] = [];
  private parts: Uint8Array<ArrayBuffer>[] = [];
  private pending = 0;
  private readonly ended: Promise<void>;
  private readonly zip: Zip;

  constructor() {
    let settle: { resolve: () => void; reject: (error: Error) => void };
    this.ended = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.zip = new Zip((error, chunk, final) => {
      if (error) return settle.reject(error);
      this.parts.push(chunk as Uint8Array<ArrayBuffer>);
      this.pending += chunk.length;
      if (final) settle.resolve();
    });
  }

  async add(path: string, contents: Blob): Promise<void> {
    const entry = new ZipPassThrough(path);
    this.zip.add(entry);
    entry.push(new Uint8Array(await contents.arrayBuffer()), true);
    if (this.pending < AT_ONCE) return;
    // The browser can move a blob out of the memory.
    this.blobs.push(new Blob(this.parts));
    this.parts = [];
    this.pending = 0;
  }

  async end(): Promise<Blob> {
    this.zip.end();
    await this.ended;
    return new Blob([...this.blobs, ...this.parts], { type: 'application/zip' });
  }
}

/** The files in a zip. @throws ThawError `bad-data` if it is not a zip, or unpacks to too much */
async function unzipped(file: Blob): Promise<ReadonlyMap<string, Blob>> {
  let bytes = 0;
  try {
    const files = unzipSync(new Uint8Array(await file.arrayBuffer()), {
      filter: ({ originalSize }) => {
        bytes += originalSize;
        if (bytes > unpacked(file.size)) throw new Error('it is too large');
        return true;
      },
    });
    return new Map(
      Object.entries(files).map(([path, contents]) => [path, new Blob([contents as Uint8Array<ArrayBuffer>])]),
    );
  } catch (cause) {
    throw notProject('it cannot be unpacked', cause);
  }
}
